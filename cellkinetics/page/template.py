# ruff: noqa: E501  (HTML: a line break would be a space on the page)
"""The page's template: no script, no network; a phone and a printer can do it."""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="cellkinetics {{ version }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ model.name }}: {{ model.title }}</title>
<style>
:root { color-scheme: light; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 62rem; background: #fff;
  color: #1a1a1a; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem;
  border-bottom: 1px solid #ccc; break-after: avoid; }
h3 { font-size: .95rem; font-weight: 600; margin: 1.1rem 0 .3rem; color: #333;
  break-after: avoid; }
p, ul { margin: .4rem 0; max-width: 46rem; }
ul { padding-left: 1.2rem; }
code, .name { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: .875em; }
.sub { color: #444; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .25rem 1rem; margin: 1rem 0; }
dt { color: #555; }
dd { margin: 0; }
figure { margin: .8rem 0; break-inside: avoid; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption, .note { color: #444; font-size: .875rem; max-width: 46rem; }
.eqs { overflow-x: auto; padding: .1rem 0 .3rem; }
.eqs table { width: auto; border-collapse: collapse; margin: 0; }
.eqs td { border: 0; padding: .3rem .35rem; vertical-align: middle; white-space: nowrap; }
.eqs td.left { text-align: right; }
math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "Noto Sans Math", "STIX Math", math; font-size: 1.08rem; }
mtable.cases mtd { text-align: left; padding: .15em .6em .15em 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.4; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #333; padding: .35rem .6rem .35rem 0;
  vertical-align: bottom; }
td { border-bottom: 1px solid #ddd; padding: .35rem .6rem .35rem 0; vertical-align: top; }
td.num, th.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.keep { white-space: nowrap; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
.assumed { background: #fff7e0; }
.tag { display: inline-block; border: 1px solid #9a6a00; color: #6b4a00; border-radius: .2rem;
  padding: 0 .3rem; font-size: .75rem; font-weight: 600; margin-right: .3rem; }
.ok { color: #0b6b3a; font-weight: 600; white-space: nowrap; }
.bad { color: #b00020; font-weight: 700; white-space: nowrap; }
a { color: #0b4f8a; }
footer { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: .6rem; color: #555;
  font-size: .8125rem; }
@media (max-width: 40rem) {
  body { padding: 1rem .9rem 2rem; }
  h1 { font-size: 1.25rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dt { margin-top: .5rem; font-size: .8125rem; }
  math { font-size: .98rem; }
  table.stack, table.stack tbody, table.stack tr, table.stack td { display: block; width: 100%; }
  table.stack thead { display: none; }
  table.stack tr { border: 1px solid #ddd; border-radius: .3rem; margin: 0 0 .6rem;
    padding: .4rem .6rem; }
  table.stack td { border: 0; padding: .1rem 0; text-align: left; white-space: normal; }
  table.stack td:empty { display: none; }
  table.stack td[data-label]::before { content: attr(data-label) " "; color: #555;
    display: inline-block; min-width: 6.2rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { margin-top: 1.4rem; }
  table { font-size: 8.5pt; }
  math { font-size: 10.5pt; }
  a { color: inherit; text-decoration: none; }
  .eqs, .wide { overflow: visible; }
  .assumed { background: none; border-left: 3px solid #9a6a00; }
  .assumed td:first-child { padding-left: .3rem; }
}
@page { margin: 16mm 14mm; }
</style>
</head>
<body>
<header>
<h1>{{ model.title }}</h1>
<p class="sub"><code>{{ model.name }}</code></p>
</header>
<dl>
<dt>For</dt><dd>{{ model.purpose }}</dd>
<dt>Population</dt><dd>{{ model.population }}</dd>
<dt>Source</dt><dd>{% for text, address in source_parts %}{% if address %}<a href="{{ address }}">\
{{ text }}</a>{% else %}{{ text }}{% endif %}{% endfor %}</dd>
<dt>Values</dt><dd>{{ parameters|length - assumed }} of {{ parameters|length }} parameters have a \
source{% if assumed %}; {{ assumed }} {{ "are assumptions" if assumed > 1 else "is an assumption" }}\
{% endif %}</dd>
{% if published %}<dt>Checks</dt><dd>{% set right = published|selectattr("passed")|list|length %}\
<span class="{{ 'ok' if right == published|length else 'bad' }}">{{ right }} of \
{{ published|length }} published numbers reproduced</span></dd>{% endif %}
<dt>Meant for</dt><dd>days 0 to {{ number(model.horizon) }}\
{% if model.doses %}, total doses of {{ number(model.doses[0]) }} to {{ number(model.doses[1]) }} \
cells{% elif not model.infuse %}; dose is not in its equations{% endif %}</dd>
{% if model.stochastic %}<dt>Dies out</dt><dd><code>{{ model.stochastic.state }}</code>: below {{ number(model.stochastic.threshold) }} cells they are counted one by one, as births and deaths; the curves below do not do so</dd>{% endif %}
{% if model.stiff %}<dt>Solved</dt><dd>implicitly: the equations are stiff</dd>{% endif %}
</dl>

{% if diagram %}
<h2>States and flows</h2>
<figure><img src="{{ diagram }}" alt="Diagram of the states of {{ model.name }} and their flows">
<figcaption>Drawn from the equations below. Solid: what one state loses and another gains; circles: \
from or to nothing. Dashed: a state that raises (arrow) or lowers (bar) the rate of another. \
Labels are rate constants.</figcaption></figure>
{% endif %}
<div class="wide"><table class="stack">
<thead><tr><th>Quantity</th><th>Unit</th><th>Meaning</th><th></th></tr></thead><tbody>
{% for q in model.states %}<tr><td class="name">{{ q.name }}</td><td data-label="unit" class="keep">\
{{ q.unit }}</td><td>{{ q.meaning }}</td><td>state</td></tr>
{% endfor %}{% for q in model.observables %}<tr><td class="name">{{ q.name }}</td>\
<td data-label="unit" class="keep">{{ q.unit }}</td><td>{{ q.meaning }}</td><td>reading</td></tr>
{% endfor %}{% for q in model.inputs %}<tr><td class="name">{{ q.name }}</td>\
<td data-label="unit" class="keep">{{ q.unit }}</td><td>{{ q.meaning }}</td>\
<td>input ({{ number(q.default) }})</td></tr>
{% endfor %}</tbody></table></div>

<h2>Equations</h2>
<p class="note">Rendered from the code that is solved; t is in days since the first infusion.\
{% if closed %} The model also has a closed form, which is held against these equations.{% endif %}</p>
{% for title, lines in formulas %}
<h3>{{ title }}</h3>
<div class="eqs"><table>
{% for e in lines %}{% for part in e.right %}<tr>{% if loop.first %}<td class="left"><math displaystyle="true">{{ e.left|safe }}</math></td><td><math><mo>{{ "+=" if e.section == "infusion" else "=" }}</mo></math></td>{% else %}<td></td><td></td>{% endif %}<td><math displaystyle="true"><mrow>{{ part|safe }}</mrow></math></td></tr>
{% endfor %}{% endfor %}</table></div>
{% endfor %}

<h2>Typical behaviour</h2>
<figure><img src="{{ curves }}" alt="Curves of {{ patients }} virtual patients of {{ model.name }}">
<figcaption>{% if varied %}{{ patients }} virtual patients with the between-subject variability \
stated below (no residual error, covariates at their reference){% else %}The typical patient: the \
model states no between-subject variability{% endif %}\
{% if dosing %}; {{ dosing }}{% endif %}. Seed 1.</figcaption></figure>

<h2>Parameters</h2>
<p class="note">omega: between-subject SD on the scale named; RSE: relative standard error of the \
typical value. {% if assumed %}<span class="tag">assumption</span> marks a value without a \
publication behind it, with its reason.{% endif %}</p>
<table class="stack">
<thead><tr><th></th><th>Name</th><th>Meaning</th><th class="num">Typical</th><th>Unit</th>\
<th>Scale</th><th class="num">omega</th><th class="num">RSE&nbsp;%</th><th>Origin</th></tr></thead>
<tbody>
{% for q in parameters %}<tr{% if q.assumed %} class="assumed"{% endif %}><td class="keep"><math>\
{{ q.symbol|safe }}</math></td><td class="name">{{ q.name }}</td><td>{{ q.meaning }}</td>\
<td class="num" data-label="typical">{{ q.typical }}</td><td class="keep" data-label="unit">\
{{ q.unit }}</td><td data-label="scale">{{ q.scale }}</td>\
<td class="num"{% if q.omega %} data-label="omega"{% endif %}>{{ q.omega }}</td>\
<td class="num"{% if q.rse %} data-label="RSE %"{% endif %}>{{ q.rse }}</td>\
<td>{% if q.assumed %}<span class="tag">assumption</span>{% endif %}{{ q.origin }}\
{% if q.omega_note %}<br><span class="note">{{ q.omega_note }}</span>{% endif %}</td></tr>
{% endfor %}</tbody></table>
{% macro said(item) %}{% set assumed, text = origin(item) %}\
{% if assumed %}<span class="tag">assumption</span>{% endif %}{{ text }}{% endmacro %}
{% if model.residuals %}
<h3>Residual error</h3>
<ul>{% for r in model.residuals %}<li><span class="name">{{ r.observable }}</span>: SD \
{{ number(r.sd) }} on the log scale. {{ said(r) }}</li>{% endfor %}</ul>
{% endif %}
{% if model.covariates %}
<h3>Covariate effects</h3>
<table class="stack"><thead><tr><th>Effect</th><th>Form</th><th class="num">Value</th>\
<th class="num">RSE&nbsp;%</th><th class="num">Reference</th><th>Origin</th></tr></thead><tbody>
{% for c in model.covariates %}<tr{% if not c.source %} class="assumed"{% endif %}>\
<td class="name">{{ c.name }}</td><td data-label="form">{{ c.form }}</td>\
<td class="num" data-label="value">{{ number(c.value) }}</td>\
<td class="num" data-label="RSE %">{{ number(100 * c.rse) }}</td>\
<td class="num"{% if c.reference is not none %} data-label="reference"{% endif %}>\
{{ "" if c.reference is none else number(c.reference) }}</td><td>{{ said(c) }}</td></tr>
{% endfor %}</tbody></table>
{% endif %}
{% if model.classes %}
<h3>Classes of patients</h3>
<table class="stack"><thead><tr><th>Class</th><th class="num">Share</th><th>Meaning</th>\
<th>Typical values in place of the above</th><th>Origin</th></tr></thead><tbody>
{% for c in model.classes %}<tr{% if not c.source %} class="assumed"{% endif %}>\
<td class="name">{{ c.name }}</td><td class="num" data-label="share">\
{{ number(100 * c.probability) }}&nbsp;%</td><td>{{ c.meaning }}</td>\
<td>{% for n, v in c.typical.items() %}{{ ", " if not loop.first }}<span class="name">{{ n }}</span>\
&nbsp;=&nbsp;{{ number(v) }}{% endfor %}</td><td>{{ said(c) }}</td></tr>
{% endfor %}</tbody></table>
{% endif %}
{% if characteristics %}
<h3>What follows from the typical values</h3>
<table class="stack"><thead><tr><th>Characteristic</th><th class="num">Value</th><th>Unit</th>\
<th>Meaning</th><th>Formula</th></tr></thead><tbody>
{% for c in characteristics %}<tr><td class="name">{{ c.characteristic }}</td>\
<td class="num" data-label="value">{{ number(c.value) }}</td><td data-label="unit">{{ c.unit }}</td>\
<td>{{ c.meaning }}</td><td class="name">{{ c.formula }}</td></tr>
{% endfor %}</tbody></table>
{% endif %}

{% if model.examples %}
<h2>Examples</h2>
<p class="note">Simulate one with <code>cellkinetics simulate {{ model.name }} --example NAME</code>.</p>
<table class="stack"><thead><tr><th>Name</th><th>Who</th><th>Values in place of the typical</th>\
<th>Dosing</th><th>Origin</th></tr></thead><tbody>
{% for e in model.examples %}<tr{% if not e.source %} class="assumed"{% endif %}>\
<td class="name">{{ e.name }}</td><td>{{ e.meaning }}</td>\
<td>{% for n, v in e["values"].items() %}{{ ", " if not loop.first }}<span class="name">{{ n }}</span>\
&nbsp;=&nbsp;{{ number(v) }}{% endfor %}</td>\
<td>{{ dosing_text(e.dosing) if e.dosing else "" }}</td><td>{{ said(e) }}</td></tr>
{% endfor %}</tbody></table>
{% endif %}

<h2>Published numbers, computed again</h2>
{% if published %}
<table class="stack"><thead><tr><th>Number</th><th class="num">Published</th>\
<th class="num">Here</th><th class="num">Tolerance</th><th></th><th>Source</th></tr></thead><tbody>
{% for x in published %}<tr><td>{{ x.name }}</td>\
<td class="num" data-label="published">{{ "%.10g"|format(x.published) }}</td>\
<td class="num" data-label="here">{{ "%.8g"|format(x.computed) }}</td>\
<td class="num" data-label="tolerance">{{ "%.2g"|format(100 * x.rtol) }}&nbsp;%</td>\
<td>{% if x.passed %}<span class="ok">✓ passed</span>{% else %}<span class="bad">✗ FAILED</span>\
{% endif %}</td><td>{{ x.source }}</td></tr>
{% endfor %}</tbody></table>
{% else %}<p>None: no publication states numbers of this model.</p>{% endif %}

<h2>What can be learnt from data</h2>
<p>{{ model.identifiability or "Not stated." }}</p>

{% if model.deviations %}
<h2>Deviations from the publication, and its known typos</h2>
<ul>{% for text in model.deviations %}<li>{{ text }}</li>
{% endfor %}</ul>
{% endif %}
<footer>Made by cellkinetics {{ version }} from the model's own file: equations, diagram, curves and \
checks are computed, not copied.</footer>
</body>
</html>
"""
