import type { Template } from './templates.ts';

/** A widget as CloudWatch keeps it. */
interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title?: string;
    readonly markdown?: string;
    readonly view?: string;
    readonly stacked?: boolean;
    readonly alarms?: readonly string[];
    readonly metrics?: readonly (readonly unknown[])[];
    readonly yAxis?: Readonly<Record<string, { readonly label?: string }>>;
  };
}
export interface DashboardLayout {
  readonly name: string;
  readonly widgets: readonly Widget[];
}
interface Line {
  readonly label: string;
  readonly detail: string;
  readonly right: boolean;
}

const ROW_PX = 46;
const COLOURS = ['#2463eb', '#e8710a', '#188038', '#c5221f', '#8430ce', '#007b83', '#b06000', '#d01884'];

/** The dashboards of a set of templates. What only a deploy knows (names of functions, ARNs) stands there as `<name>`. */
export function dashboardsIn(templates: readonly Template[]): DashboardLayout[] {
  return templates.flatMap(({ Resources }) =>
    Object.values(Resources)
      .filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard')
      .map(({ Properties = {} }) => ({
        name: textOf(Properties.DashboardName, Resources),
        widgets: (JSON.parse(textOf(Properties.DashboardBody, Resources)) as { widgets: Widget[] }).widgets,
      })),
  );
}

/** A page that shows where each widget stands and what it draws. */
export function dashboardPage(title: string, dashboards: readonly DashboardLayout[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html(title)}</title><style>${STYLE}</style></head>
<body><header><h1>${html(title)}</h1><p>Layout from the synthesised template: titles, metrics and positions. There is no data in it.</p>
<nav>${dashboards.map(({ name, widgets }) => `<a href="#${html(name)}">${html(name)} <small>${widgets.filter(({ type }) => type === 'metric').length} graphs</small></a>`).join('')}</nav></header>
${dashboards.map(section).join('\n')}</body></html>
`;
}

function section({ name, widgets }: DashboardLayout): string {
  return `<section id="${html(name)}"><h2>${html(name)}</h2><div class="grid">${widgets.map(widget).join('\n')}</div></section>`;
}

function widget(each: Widget): string {
  const place = `grid-column:${each.x + 1}/span ${each.width};grid-row:${each.y + 1}/span ${each.height}`;
  const { markdown = '', alarms = [], title = '', metrics = [], view, stacked, yAxis } = each.properties;
  if (each.type === 'text')
    return `<div class="text${markdown.startsWith('## ') ? ' row' : ''}" style="${place}">${html(markdown.replace(/^#+ /, ''))}</div>`;
  if (each.type === 'alarm')
    return `<article style="${place}"><h3>${html(title)}</h3><ul class="alarms">${alarms.map((alarm) => `<li>${html(alarm)}</li>`).join('')}</ul></article>`;
  const lines = linesOf(metrics);
  const axis = yAxis?.left?.label === undefined ? '' : `<span class="axis">${html(yAxis.left.label)}</span>`;
  const kind = view === 'singleValue' ? 'numbers' : stacked ? 'stacked areas' : 'lines';
  return `<article style="${place}"><h3>${html(title)}</h3><p class="kind">${axis}${kind}</p><ul class="legend">${lines
    .map(
      (line, index) =>
        `<li><i style="background:${COLOURS[index % COLOURS.length]}"></i><b>${html(line.label)}</b> <span>${html(line.detail)}</span>${line.right ? '<em>right axis</em>' : ''}</li>`,
    )
    .join('')}</ul>${view === 'singleValue' ? '' : '<div class="plot"></div>'}</article>`;
}

/** What is drawn; metrics that only feed an expression are not. A `.` repeats what stands at its place in the line before. */
function linesOf(metrics: readonly (readonly unknown[])[]): Line[] {
  let before: unknown[] = [];
  return metrics.flatMap((entry): Line[] => {
    const options = (typeof entry.at(-1) === 'object' ? entry.at(-1) : {}) as {
      label?: string;
      expression?: string;
      stat?: string;
      period?: number;
      visible?: boolean;
      yAxis?: string;
    };
    const right = options.yAxis === 'right';
    if (options.expression !== undefined) return [{ label: options.label || 'found by search', detail: options.expression, right }];
    const path = entry.filter((part) => typeof part !== 'object').map((part, index) => (part === '.' ? before[index] : part));
    before = path;
    if (options.visible === false) return [];
    const [namespace, name] = path.map(String);
    return [
      {
        label: options.label ?? name ?? '',
        detail: `${namespace} ${name} · ${options.stat ?? 'Average'} · ${(options.period ?? 300) / 60} min`,
        right,
      },
    ];
  });
}

/** Text of a template's value. An alarm is called by its name; any other part that CloudFormation fills in has a placeholder. */
function textOf(value: unknown, resources: Template['Resources']): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value ?? '');
  const [[intrinsic, argument]] = Object.entries(value) as [[string, unknown]];
  if (intrinsic === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => textOf(part, resources)).join(separator);
  }
  if (intrinsic === 'Fn::GetStackOutput') return `<${(argument as { OutputName: string }).OutputName}>`;
  const id = Array.isArray(argument) ? String(argument[0]) : String(argument);
  const { AlarmName = undefined } = resources[id]?.Properties ?? {};
  return typeof AlarmName === 'string' ? AlarmName : `<${id}>`;
}

function html(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ?? character);
}

const STYLE = `
:root{font:14px/1.45 system-ui,sans-serif;color:#16191f;background:#f2f3f5}
body{margin:0 auto;padding:24px;max-width:1680px}
header p{color:#5f6b7a;margin:.2em 0 1em}h1{font-size:22px;margin:0}h2{font-size:18px;margin:32px 0 12px}
nav a{display:inline-block;margin-right:12px;padding:6px 12px;background:#fff;border:1px solid #d5dbdb;border-radius:16px;color:#0b4fb3;text-decoration:none}nav small{color:#5f6b7a}
.grid{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));grid-auto-rows:minmax(${ROW_PX}px,auto);gap:8px}
article{display:flex;flex-direction:column;background:#fff;border:1px solid #d5dbdb;border-radius:8px;padding:10px 12px;overflow:hidden}
article h3{font-size:14px;margin:0}.kind{margin:2px 0 8px;color:#5f6b7a;font-size:12px}.axis{margin-right:8px;padding:1px 6px;border-radius:4px;background:#eaeded;color:#16191f}
.text{align-self:end;font-weight:600;font-size:18px}.text.row{font-size:15px;border-bottom:2px solid #16191f;padding-top:10px}
ul{list-style:none;margin:0;padding:0}.legend li{padding:3px 0;border-top:1px solid #eaeded;overflow-wrap:anywhere;font-size:12.5px}.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
.legend span{color:#5f6b7a}.legend em{margin-left:6px;color:#8430ce;font-style:normal;font-size:11px}
.plot{flex:1;min-height:32px;margin-top:8px;border-left:1px solid #9ba7b6;border-bottom:1px solid #9ba7b6;background:repeating-linear-gradient(0deg,transparent 0 23px,#eaeded 23px 24px)}
.alarms{display:flex;flex-wrap:wrap;gap:6px;margin-top:8px}.alarms li{padding:2px 10px;border-radius:12px;background:#eaf6ec;border:1px solid #b7dfc0;font-size:12.5px}
`;
