// A value with subscribers, and the hook that renders a component when the value changes.
import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** A store whose value outlives the page. What cannot be read counts as absent. */
export function kept<T>(name: string, initial: T): Store<T> {
  const key = `strata.${name}`;
  let value = initial;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) value = JSON.parse(text) as T;
  } catch {
    // Storage is forbidden or damaged: the initial value serves.
  }
  const inner = store(value);
  inner.subscribe(() => {
    try {
      localStorage.setItem(key, JSON.stringify(inner.get()));
    } catch {
      // A full or forbidden storage costs the memory of this value, nothing else.
    }
  });
  return inner;
}

export function useStore<T>(source: Store<T>): T {
  const [, render] = useState(0);
  const value = source.get();
  useEffect(() => {
    const again = () => render((n) => n + 1);
    if (!Object.is(source.get(), value)) again();   // changed since it was rendered
    return source.subscribe(again);
  }, [source]);
  return value;
}
