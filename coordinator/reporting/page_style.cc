// How report.html looks: light and dark, on a screen and on paper.
#include "coordinator/reporting/page_parts.h"

namespace extfarm::reporting {

const char* const kPageStyle = R"css(
:root{color-scheme:light dark;
 --bg:#f6f7f9;--panel:#fff;--fg:#1a2029;--soft:#5b6675;--line:#dfe3e9;--lane:#f1f3f6;--accent:#2563c9;
 --cythonize:#7a4bd1;--compile:#2563c9;--link:#1d7a45;--archive:#8f6200;--other:#5c6878;--lost:#c22f3a;
 --on-bar:#fff;--good:#1d7a45;--poor:#8f6200;--bad:#c22f3a}
@media(prefers-color-scheme:dark){:root{
 --bg:#0e1116;--panel:#161b22;--fg:#e5eaf1;--soft:#98a3b3;--line:#2a313c;--lane:#1c222b;--accent:#7fb0ff;
 --cythonize:#b89cff;--compile:#7fb0ff;--link:#6fcf8d;--archive:#e0b354;--other:#a5b0bf;--lost:#ff8b8b;
 --on-bar:#0e1116;--good:#6fcf8d;--poor:#e0b354;--bad:#ff8b8b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1200px;margin:0 auto;padding:1.6rem 1.2rem 3rem}
h1{font-size:1.45rem;line-height:1.25;margin:0;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:0 0 .7rem}
p{margin:.3rem 0}.soft{color:var(--soft)}
code{font:.88em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
header{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center}
header p{flex-basis:100%;margin:0;color:var(--soft)}
.status{border-radius:99px;padding:.1rem .75rem;font-weight:600;font-size:.85rem;border:1.5px solid currentColor}
.status.ok{color:var(--good)}.status.failed{color:var(--bad)}.status.cancelled{color:var(--poor)}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;margin-top:1rem}
.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));margin-top:1rem}
.pair section{margin:0;min-width:0}
dl.figures{display:grid;grid-template-columns:repeat(5,1fr);gap:.9rem 1.2rem;margin:0}
dl.figures div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
dl.figures dt{color:var(--soft);font-size:.84rem;line-height:1.3}
dl.figures dd{margin:0;white-space:nowrap;font-size:1.45rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.bounds{display:grid;grid-template-columns:max-content 1fr max-content;gap:.3rem .8rem;align-items:center;
 margin-top:1.1rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.9rem}
.bounds i{display:block;height:.7rem;border-radius:3px;background:var(--accent);min-width:2px}
.bounds .mild{opacity:.42}.bounds b{font-variant-numeric:tabular-nums;text-align:right;font-weight:600}
.bar-head{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center;margin-bottom:.6rem}
.bar-head h2{margin:0}.key{display:flex;flex-wrap:wrap;gap:.2rem .9rem;color:var(--soft);font-size:.85rem}
.key i{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.35rem;vertical-align:-.06em}
.key i.chain{background:none;border:2px solid var(--fg)}
.zoom{margin-left:auto;display:flex;gap:.3rem}
button{font:inherit;font-size:.85rem;color:var(--fg);background:var(--lane);border:1px solid var(--line);
 border-radius:6px;padding:.1rem .65rem;cursor:pointer}
button:hover{border-color:var(--soft)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
#timeline{display:grid;grid-template-columns:max-content 1fr}
#lanes{font-size:.78rem;line-height:20px;padding-right:.7rem;max-width:15rem;white-space:nowrap}
#lanes div{height:20px;overflow:hidden;text-overflow:ellipsis;text-align:right;color:var(--soft)}
#lanes div.worker{height:26px;line-height:30px;text-align:left;font-weight:600;color:var(--fg)}
#scroll{overflow-x:auto;min-width:0}#scroll svg{display:block}
#scroll svg text{font-size:11px;fill:var(--soft)}#scroll svg .bar text{font-size:10.5px;fill:var(--on-bar);pointer-events:none}
#scroll svg .lane{fill:var(--lane)}#scroll svg .grid{stroke:var(--line)}
#scroll svg .bar{cursor:pointer;outline:none}#scroll svg .bar.chain rect{stroke:var(--fg);stroke-width:2}
#scroll svg .bar:hover rect{opacity:.8}
#scroll svg .bar.chosen rect{stroke:var(--fg);stroke-width:3;stroke-dasharray:4 2}
#details{min-height:3.1rem;margin-top:.6rem;padding:.45rem .8rem;background:var(--lane);border-radius:6px;font-size:.88rem}
#details b{overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th{font-weight:600;color:var(--soft);text-align:left;white-space:nowrap}
td,th{padding:.28rem .7rem .28rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}td:first-child{overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:.2rem}
td .share{display:block;height:3px;border-radius:2px;background:var(--accent);margin-top:.15rem;min-width:2px}
summary{cursor:pointer;color:var(--accent);margin-top:.5rem;font-size:.88rem}
.dot{display:inline-block;width:.6rem;height:.6rem;border-radius:2px;margin-right:.4rem}
@media(max-width:760px){#lanes{max-width:7rem}dl.figures{grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr))}}
@media print{:root{color-scheme:light;--bg:#fff;--panel:#fff;--fg:#000;--soft:#444;--line:#bbb;--lane:#f3f3f3;
 --accent:#2563c9;--cythonize:#7a4bd1;--compile:#2563c9;--link:#1d7a45;--archive:#8f6200;--other:#5c6878;
 --lost:#c22f3a;--on-bar:#fff;--good:#1d7a45;--poor:#8f6200;--bad:#c22f3a}
 *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 body{font-size:11px}main{max-width:none;padding:0}section{break-inside:avoid;border-color:#bbb}
 section.long{break-inside:auto}.zoom,#details,.hint{display:none}}
)css";

}  // namespace extfarm::reporting
