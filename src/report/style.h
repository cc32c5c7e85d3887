// The report's style sheet: one column that grows to two, light or dark as the reader's system has it, and as paper.
#pragma once

namespace tekio::report {

inline constexpr const char* kStyle =
    R"css(:root{--paper:#fff;--ink:#1c1f24;--soft:#5a6270;--line:#dfe3e8;--tile:#f5f7f9;--accent:#0b5cad;
--c0:#6b7785;--c1:#0b5cad;--c2:#b3480d;--c3:#1f7a4d;--c4:#7b3fa0;--c5:#a3195b;--c6:#8a6a00;--c7:#117a8b}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e8ebef;--soft:#a3adba;--line:#333a43;--tile:#1d2127;--accent:#6db3f8;
--c0:#9aa6b4;--c1:#6db3f8;--c2:#f0935a;--c3:#62c794;--c4:#c79be6;--c5:#f27fb2;--c6:#d9b84a;--c7:#58c4d6}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Hiragino Sans",sans-serif}
main,footer{max-width:1080px;margin:0 auto;padding:24px 20px}
footer{color:var(--soft);font-size:14px;border-top:1px solid var(--line)}
.over{margin:0;color:var(--soft);font-size:13px;letter-spacing:.06em;text-transform:uppercase}
h1{margin:.1em 0 .2em;font-size:clamp(24px,4.5vw,36px);line-height:1.2;overflow-wrap:anywhere}
header p{color:var(--soft);margin:.2em 0}
h2{margin:1.8em 0 .6em;font-size:22px;border-bottom:1px solid var(--line);padding-bottom:.25em}
h3{margin:1.4em 0 .5em;font-size:17px;overflow-wrap:anywhere}
h4{margin:0 0 .4em;font-size:14px;color:var(--soft);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px;margin:0}
.tile{background:var(--tile);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tile dt{color:var(--soft);font-size:14px}
.tile dd{margin:.2em 0 0;font-variant-numeric:tabular-nums}
.tile strong{font-size:22px;color:var(--accent)}
.before,.range{color:var(--soft)}
.tile strong,.before,.range{white-space:nowrap}
.note{display:block;color:var(--soft);font-size:14px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:22px}
figure{margin:0;min-width:0}
figcaption{font-weight:600;font-size:15px;margin-bottom:4px}
svg{width:100%;height:auto;display:block;font:12px system-ui,sans-serif}
svg text{fill:var(--soft)}
.grid{stroke:var(--line)}.axis,.tick{stroke:var(--soft)}
.reference{stroke:var(--soft);stroke-dasharray:4 4}
.line{fill:none;stroke-width:2}
.interval,.whisker{stroke-width:1.5}.whisker{stroke:var(--ink)}
path.s0,line.s0{stroke:var(--c0)}path.s1,line.s1{stroke:var(--c1)}path.s2,line.s2{stroke:var(--c2)}path.s3,line.s3{stroke:var(--c3)}
path.s4,line.s4{stroke:var(--c4)}path.s5,line.s5{stroke:var(--c5)}path.s6,line.s6{stroke:var(--c6)}path.s7,line.s7{stroke:var(--c7)}
circle.s0,rect.s0{fill:var(--c0)}circle.s1,rect.s1{fill:var(--c1)}circle.s2,rect.s2{fill:var(--c2)}circle.s3,rect.s3{fill:var(--c3)}
circle.s4,rect.s4{fill:var(--c4)}circle.s5,rect.s5{fill:var(--c5)}circle.s6,rect.s6{fill:var(--c6)}circle.s7,rect.s7{fill:var(--c7)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:4px 0 0;padding:0;font-size:14px;color:var(--soft)}
.key{display:inline-block;width:18px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.key.s0{background:var(--c0)}.key.s1{background:var(--c1)}.key.s2{background:var(--c2)}.key.s3{background:var(--c3)}
.key.s4{background:var(--c4)}.key.s5{background:var(--c5)}.key.s6{background:var(--c6)}.key.s7{background:var(--c7)}
.wide{overflow-x:auto;margin:0 0 18px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:15px;padding:0 0 6px}
th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:break-word;max-width:60ch}
td{min-width:7em}td:last-child{min-width:11em}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{font-weight:500}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr));gap:18px}
.guesses{list-style:none;margin:0;padding:0}
.guesses li{display:grid;grid-template-columns:8em 1fr 4.5em;gap:8px;align-items:center;font-size:15px}
.word{overflow-wrap:anywhere}
.bar{background:var(--line);border-radius:3px;height:9px;display:block}
.bar span{display:block;height:100%;border-radius:3px;background:var(--accent)}
.share{text-align:right;color:var(--soft);font-variant-numeric:tabular-nums;font-size:14px}
details{margin:0 0 10px}summary{cursor:pointer}
pre{background:var(--tile);border:1px solid var(--line);border-radius:8px;padding:12px;overflow-x:auto;font-size:14px}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (max-width:600px){svg{font-size:19px}.upright{display:none}.guesses li{grid-template-columns:6.5em 1fr 4em}}
@media print{body{font-size:11pt}main{max-width:none;padding:0}figure,.tile,.sides>div,tr{break-inside:avoid}.wide{overflow:visible}
th,td,td:last-child{min-width:0;overflow-wrap:anywhere}thead th{white-space:normal}pre{white-space:pre-wrap;overflow-wrap:anywhere}
details>*{display:block}details::details-content{content-visibility:visible;display:block}}
)css";

}  // namespace tekio::report
