// page.js - brings the charts of report.html to life. The page stands without it: each chart is a
// picture first, which is put aside here for one that can be pointed at. Numbers come from the
// element #numbers; names in it are drawn on a canvas, never made into markup.
(function () {
  "use strict";
  var source = document.getElementById("numbers");
  if (!source || typeof Chart === "undefined") return;
  var data = JSON.parse(source.textContent);
  var charts = [];

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function tint(name, alpha) {
    var c = color(name);
    return c + Math.round(255 * alpha).toString(16).padStart(2, "0");
  }

  function points(pairs) {
    return (pairs || []).map(function (p) {
      return { x: p[0], y: p[1] === null ? NaN : p[1] };
    });
  }

  // Three or four digits, small exponents without zeros: 0.0123, 2.3e-5.
  function short(value) {
    if (value === 0) return "0";
    var size = Math.abs(value);
    if (size >= 1e5 || size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(4)));
  }

  // A learning rate as options take it: 1.1e-3.
  function rate(value) {
    return value > 0 && value < 0.01 ? value.toExponential(2).replace(/\.?0+e/, "e") : short(value);
  }

  // Ticks of a logarithmic axis: 1, 2 and 5 times the powers of ten, or the powers alone.
  function logTick(value, index, ticks) {
    var lead = Number(value.toExponential().split("e")[0]);
    var decades = Math.log10(ticks[ticks.length - 1].value / ticks[0].value);
    var wanted = decades > 2 ? [1] : [1, 2, 5];
    return wanted.indexOf(Math.round(lead * 100) / 100) >= 0 ? rate(value) : "";
  }

  function axis(options) {
    return Object.assign({
      grid: { color: color("line"), drawTicks: false, borderColor: color("line") },
      ticks: { color: color("soft"), padding: 8, maxRotation: 0, autoSkipPadding: 18, includeBounds: false,
               autoSkip: !(options && options.type === "logarithmic"),
               callback: options && options.type === "logarithmic" ? logTick : short },
      title: { display: false }
    }, options);
  }

  function title(text) {
    return { display: true, text: text, color: color("soft"), font: { size: 12 }, padding: 4 };
  }

  function base(scales, plugins) {
    return {
      animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      layout: { padding: { top: 22, right: 6 } },
      scales: scales,
      plugins: Object.assign({
        legend: { display: false },
        tooltip: {
          backgroundColor: color("ink"), titleColor: color("paper"), bodyColor: color("paper"),
          displayColors: false, padding: 9, cornerRadius: 7,
          filter: function (item) { return !item.dataset.silent; }
        }
      }, plugins)
    };
  }

  // Decisions: a line at their step, and the number under which the page lists them; small ones are
  // a tick.
  var marks = {
    id: "marks",
    afterDatasetsDraw: function (chart, args, options) {
      var list = options.list || [], ctx = chart.ctx, area = chart.chartArea, last = -1e9;
      ctx.save();
      ctx.font = "600 11px system-ui, sans-serif";
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      list.forEach(function (mark) {
        var x = chart.scales.x.getPixelForValue(mark.x);
        if (!(x >= area.left - 1 && x <= area.right + 1)) return;
        ctx.strokeStyle = tint("mark", 0.55);
        ctx.setLineDash(mark.n ? [3, 3] : []);
        ctx.beginPath();
        ctx.moveTo(x, area.top);
        ctx.lineTo(x, mark.n ? area.bottom : area.top + 7);
        ctx.stroke();
        if (!mark.n || !options.badges || x - last < 19) return;
        last = x;
        ctx.setLineDash([]);
        ctx.fillStyle = color("mark-tint");
        ctx.beginPath();
        ctx.arc(x, area.top - 11, 9, 0, 7);
        ctx.fill();
        ctx.fillStyle = color("mark");
        ctx.fillText(String(mark.n), x, area.top - 10.5);
      });
      ctx.restore();
    }
  };

  // Vertical bands and lines behind the curves: an interval, the chosen rate, its neighbours.
  var bands = {
    id: "bands",
    beforeDatasetsDraw: function (chart, args, options) {
      var ctx = chart.ctx, area = chart.chartArea, scale = chart.scales.x;
      ctx.save();
      (options.bands || []).forEach(function (band) {
        var left = Math.max(area.left, scale.getPixelForValue(band.low));
        var right = Math.min(area.right, scale.getPixelForValue(band.high));
        ctx.fillStyle = tint(band.color, 0.13);
        ctx.fillRect(left, area.top, right - left, area.bottom - area.top);
      });
      ctx.font = "12px system-ui, sans-serif";
      ctx.textAlign = "center";
      (options.lines || []).forEach(function (line) {
        var x = scale.getPixelForValue(line.x);
        if (!(x >= area.left && x <= area.right)) return;
        ctx.strokeStyle = tint(line.color, line.dashed ? 0.6 : 1);
        ctx.lineWidth = line.dashed ? 1 : 1.6;
        ctx.setLineDash(line.dashed ? [3, 4] : []);
        ctx.beginPath();
        ctx.moveTo(x, area.top);
        ctx.lineTo(x, area.bottom);
        ctx.stroke();
        ctx.fillStyle = color(line.color);
        ctx.fillText(line.label, x, area.top - 8);
      });
      ctx.restore();
    }
  };

  // Standard errors of points that have one.
  var errors = {
    id: "errors",
    afterDatasetsDraw: function (chart, args, options) {
      var ctx = chart.ctx, area = chart.chartArea;
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.right - area.left, area.bottom - area.top);
      ctx.clip();
      ctx.strokeStyle = color("ink");
      ctx.lineWidth = 1.3;
      (options.list || []).forEach(function (point) {
        var x = chart.scales.x.getPixelForValue(point.x);
        var top = chart.scales.y.getPixelForValue(point.y + point.se);
        var bottom = chart.scales.y.getPixelForValue(point.y - point.se);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.moveTo(x - 4, top);
        ctx.lineTo(x + 4, top);
        ctx.moveTo(x - 4, bottom);
        ctx.lineTo(x + 4, bottom);
        ctx.stroke();
      });
      ctx.restore();
    }
  };

  function show(id, build) {
    var place = document.getElementById(id);
    if (!place) return;
    var canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", place.getAttribute("data-label") || "");
    place.classList.remove("still");
    place.classList.add("live");
    place.appendChild(canvas);
    charts.push({ canvas: canvas, build: build, chart: new Chart(canvas, build()) });
  }

  function line(label, pairs, name, more) {
    return Object.assign({
      type: "line", label: label, data: points(pairs), borderColor: color(name),
      backgroundColor: color(name), borderWidth: 2, pointRadius: 0, pointHitRadius: 6,
      tension: 0, spanGaps: false
    }, more);
  }

  function stepTooltip(item) {
    var isRate = item.dataset.label === "learning rate";
    return item.dataset.label + " " + (isRate ? rate : short)(item.parsed.y);
  }

  function stepTitle(items) {
    return items.length ? "step " + short(items[0].parsed.x) : "";
  }

  function steps(extra) {
    return axis(Object.assign({ type: "linear", min: data.first_step, max: data.last_step }, extra));
  }

  // Both charts of steps keep the same room on the left, so that their steps stand one below the other.
  function alignLeft(scale) {
    scale.width = Math.max(scale.width, 66);
  }

  function lossChart() {
    var y = axis({ type: data.log_loss ? "logarithmic" : "linear", title: title("loss, nats per token"), afterFit: alignLeft });
    return {
      data: { datasets: [
        line("held out", data.eval, "mark", { borderWidth: 1.8, pointRadius: data.eval.length > 60 ? 0 : 3.4,
          pointBackgroundColor: color("mark"), pointBorderColor: color("card"), pointBorderWidth: 1.2 }),
        line("loss", data.smooth, "tuned", { borderWidth: 2.2 }),
        line("loss of the batch", data.loss, "tuned", { borderColor: tint("tuned", 0.28), borderWidth: 1, silent: true })
      ] },
      options: base({ x: steps(), y: y }, {
        marks: { list: data.marks, badges: true },
        tooltip: Object.assign(base({}, {}).plugins.tooltip, { callbacks: { title: stepTitle, label: stepTooltip } })
      }),
      plugins: [marks]
    };
  }

  function rateChart() {
    var options = base({
      x: steps({ title: title("step") }),
      y: axis({ type: data.log_rate ? "logarithmic" : "linear", title: title("learning rate"), afterFit: alignLeft,
                beginAtZero: !data.log_rate, ticks: Object.assign(axis({}).ticks, { callback: data.log_rate ? logTick : rate }) })
    }, {
      marks: { list: data.marks, badges: false },
      tooltip: Object.assign(base({}, {}).plugins.tooltip, { callbacks: { title: stepTitle, label: stepTooltip } })
    });
    options.layout.padding.top = 4;
    return {
      data: { datasets: [line("learning rate", data.rate, "rate", { fill: !data.log_rate, backgroundColor: tint("rate", 0.1) })] },
      options: options,
      plugins: [marks]
    };
  }

  function belief(label, values, name) {
    return line(label, values, name, { yAxisID: "belief", borderColor: tint(name, 0.6), borderWidth: 1.2,
      backgroundColor: tint(name, 0.1), fill: "origin", silent: true, tension: 0.3 });
  }

  // Three scales over one: what was seen (left), what is expected (right), how likely (not named).
  function bowlChart() {
    var b = data.bowl, sets = [], lines = [], wide = window.innerWidth > 640;
    var measured = b.arms.filter(function (a) { return a.measured; });
    var broken = b.arms.filter(function (a) { return !a.measured && a.x > 0; });
    var hasCost = b.curve.length > 0, hasLoss = measured.length > 0;
    var mostBelief = hasCost || hasLoss ? 3.2 : 1.15;
    if (hasLoss) {
      sets.push({ type: "scatter", label: "arm", data: measured.map(function (a) { return { x: a.x, y: a.y }; }),
        pointRadius: 5.5, pointHoverRadius: 7, backgroundColor: color("ink"), borderColor: color("card"), borderWidth: 1.5 });
    }
    if (hasCost) sets.push(line("cost", b.curve, "tuned", { yAxisID: "cost", silent: hasLoss, tension: 0.3, borderWidth: 2.4 }));
    if (broken.length) {
      sets.push({ type: "scatter", label: "diverged", yAxisID: "belief",
        data: broken.map(function (a) { return { x: a.x, y: 0.96 * mostBelief }; }),
        pointStyle: "crossRot", pointRadius: 7, borderColor: color("warn"), borderWidth: 2.4 });
    }
    if (b.posterior.length) sets.push(belief("after the search", b.posterior, "tuned"));
    if (b.prior.length) sets.push(belief("first guess", b.prior, "base"));
    if (b.chosen > 0) {
      lines.push({ x: b.chosen, color: "rate", label: rate(b.chosen) });
      if (b.has_cost && wide) {
        lines.push({ x: b.chosen / 2, color: "soft", label: "÷2", dashed: true });
        lines.push({ x: b.chosen * 2, color: "soft", label: "×2", dashed: true });
      }
    }
    return {
      data: { datasets: sets },
      options: base({
        x: axis({ type: "logarithmic", min: b.low, max: b.high, title: title("learning rate") }),
        y: axis({ type: "linear", display: hasLoss, min: b.bottom === null ? undefined : b.bottom,
                  max: b.top === null ? undefined : b.top,
                  title: title(wide ? "held-out loss of short runs, nats per token" : "held-out loss") }),
        cost: axis({ type: "linear", axis: "y", display: hasCost, position: hasLoss ? "right" : "left", min: 0,
                     grid: { drawOnChartArea: !hasLoss, color: color("line"), drawTicks: false, borderColor: color("line") },
                     title: title(wide ? "expected cost at the end, nats per token" : "expected cost") }),
        belief: { type: "linear", axis: "y", display: false, min: 0, max: mostBelief }
      }, {
        bands: { bands: b.interval ? [{ low: b.interval[0], high: b.interval[1], color: "tuned" }] : [], lines: lines },
        errors: { list: measured.filter(function (a) { return a.se !== null; }) },
        tooltip: Object.assign(base({}, {}).plugins.tooltip, {
          callbacks: {
            title: function (items) { return items.length ? "learning rate " + rate(items[0].parsed.x) : ""; },
            label: function (item) {
              var name = item.dataset.label;
              return name === "diverged" ? name : (name === "cost" ? "would cost " : "loss ") + short(item.parsed.y);
            }
          }
        })
      }),
      plugins: [bands, errors]
    };
  }

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  show("chart-loss", lossChart);
  show("chart-rate", rateChart);
  if (data.bowl) show("chart-bowl", bowlChart);

  // Colours are read when a chart is made: another scheme makes them anew.
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    charts.forEach(function (entry) {
      entry.chart.destroy();
      entry.chart = new Chart(entry.canvas, entry.build());
    });
  });
})();
