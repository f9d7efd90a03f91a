/** deploy/grafana's dashboard as a value, and its queries as Prometheus would get them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./programs.ts";

interface Source {
  readonly type: string;
  readonly uid: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: Source;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: Source }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

export const dashboard = JSON.parse(readFileSync(join(root, "deploy/grafana/dashboards/aloud.json"), "utf8")) as Dashboard;

/** Grafana's variables replaced as Grafana does; the rate's interval as it is with a scrape every 15 s. */
export function queries(): readonly { readonly panel: string; readonly expr: string }[] {
  const expand = (expr: string) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*");
  return [
    ...dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({ panel: `${title} ${refId}`, expr: expand(expr) })),
    ),
    ...dashboard.annotations.list.map(({ expr }) => ({ panel: "annotation", expr: expand(expr) })),
  ];
}
