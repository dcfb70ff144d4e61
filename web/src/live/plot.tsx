// One chart: its lines over time, drawn by uPlot; the newest values stand above as text.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { t } from "../text/text";
import type { Chart } from "./series";

interface Props {
  chart: Chart;
  times: number[];
  values: (number | null)[][];   // a row a line
}

const height = 150;
const axisPx = 58;

function stack(values: (number | null)[][]): (number | null)[][] {
  const sums: (number | null)[][] = [];
  const below = values[0]?.map(() => 0) ?? [];
  for (const row of values) {
    row.forEach((v, i) => { below[i]! += v ?? 0; });
    // What is never there would hide the line below it.
    sums.push(row.some((v) => v) ? [...below] : row.map(() => null));
  }
  return sums;
}

const color = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function make(chart: Chart, width: number, into: HTMLElement): uPlot {
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 },
                 ticks: { show: false }, font: "11px system-ui" };
  return new uPlot({
    width, height,
    bands: chart.stacked
      ? chart.lines.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) : [],
    cursor: { show: false }, legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_, __, top) => [0, Math.max(chart.max ?? 0, (top ?? 0) * 1.1) || 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 90, size: 26,
        values: (_, ticks) => ticks.map((s) => new Date(s * 1000).toLocaleTimeString(
          [], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })) },
      { ...axis, size: axisPx, space: 34, values: (_, ticks) => ticks.map(chart.format) },
    ],
    series: [{}, ...chart.lines.map((line, i) => ({
      stroke: color(`--series-${i + 1}`), width: 1.75, points: { show: false },
      dash: line.dashed ? [5, 4] : undefined, spanGaps: true,
      fill: chart.stacked || i === 0 ? color(`--series-${i + 1}-fill`) : undefined,
    }))],
  }, [[], ...chart.lines.map(() => [])] as uPlot.AlignedData, into);
}

export function Plot({ chart, times, values }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);

  const draw = () => {
    const rows = chart.stacked ? stack(values) : values;
    plot.current?.setData([times, ...rows] as uPlot.AlignedData);
  };
  const drawNow = useRef(draw);
  drawNow.current = draw;
  useEffect(() => {
    const into = box.current!;
    const remake = () => {
      plot.current?.destroy();
      plot.current = make(chart, into.clientWidth, into);
      drawNow.current();
    };
    remake();
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: into.clientWidth, height }));
    sizes.observe(into);
    const shade = matchMedia("(prefers-color-scheme: dark)");
    const attributes = new MutationObserver(remake);
    attributes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    shade.addEventListener("change", remake);
    return () => {
      sizes.disconnect();
      attributes.disconnect();
      shade.removeEventListener("change", remake);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [chart]);
  useEffect(draw, [times, values]);

  return (
    <section class="chart">
      <h2>{t(chart.title)}{chart.unit && <small> {t(chart.unit)}</small>}</h2>
      <dl class="now">
        {chart.lines.map((line, i) => {
          const value = values[i]?.findLast((v) => v !== null);
          return (
            <div key={line.label}>
              <dt class={`series-${i + 1}${line.dashed ? " dashed" : ""}`}>{t(line.label)}</dt>
              <dd>{value == null ? "–" : chart.format(value)}</dd>
            </div>
          );
        })}
      </dl>
      <div ref={box} class="plot" aria-hidden="true" />
    </section>
  );
}
