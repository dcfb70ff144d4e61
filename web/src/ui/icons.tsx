// Line icons on a 24 grid. They are decoration: the control around one carries the name.
const shapes = {
  chat: "M4 5h16v11H9l-5 4z",
  models: "M12 3 3 7.5l9 4.5 9-4.5zM3 12l9 4.5 9-4.5M3 16.5 12 21l9-4.5",
  live: "M3 13h4l3-8 4 14 3-6h4",
  try: "m8 7-5 5 5 5M16 7l5 5-5 5",
  plus: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  check: "m5 13 4 4L19 7",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  retry: "M20 12a8 8 0 1 1-2.3-5.6M20 3v4.5h-4.5",
  left: "m14 6-6 6 6 6",
  right: "m10 6 6 6-6 6",
  down: "m6 10 6 6 6-6",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  attach: "m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  more: "M5 12h.010M12 12h.010M19 12h.01",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 5.5v5M9 13.5v5",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7" +
    "M17.3 17.3 19 19M19 5l-1.7 1.7M6.7 17.3 5 19",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5z",
  system: "M3 5h18v11H3zM9 20h6M12 16v4",
  language: "M4 6h9M8.5 4v2M11 6c-.6 4-3 7-7 9M6 9c1 2.5 3 4.5 6 5.5M13 20l4-10 4 10M14.5 17h5",
  key: "M14 10a4 4 0 1 0-3.5 4L13 16.5h2.5V19H18v2h3v-3l-7.3-7z",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  thought: "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9V15.5h7v-1.6A6 6 0 0 0 12 3z",
  tool: "" +
    "M14.5 6.5a4 4 0 0 1 5-3.3l-2.5 2.5 1.3 1.3 2.5-2.5a4 4 0 0 1-5.3 5L7 18l-1.5 1.5-2-2L5 16z",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  power: "M12 3v8M7 6.5a7.5 7.5 0 1 0 10 0",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class={`icon ${name}`} viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={shapes[name]} />
    </svg>
  );
}

/** The mark of strata: three layers. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M12 3 2 8l10 5 10-5z" />
      <path opacity=".6" d="m4.6 10.9-2.6 1.3 10 5 10-5-2.6-1.3L12 14.6z" />
      <path opacity=".35" d="m4.6 15.1-2.6 1.3 10 5 10-5-2.6-1.3L12 18.8z" />
    </svg>
  );
}
