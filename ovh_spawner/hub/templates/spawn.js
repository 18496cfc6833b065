// The form works without this. It keeps the sums up to date, adds and removes rows in place, and leads to mistakes.
(function () {
  "use strict";
  const form = document.getElementById("spawn_form");
  const problems = document.getElementById("problems");
  if (problems) {
    problems.focus();
  }
  if (!form.elements.count) {
    return;
  }

  function trimmed(value) {
    const text = value.toFixed(4).replace(/0+$/, "");
    const cents = text.split(".")[1] || "";
    return cents.length < 2 ? value.toFixed(2) : text;
  }

  function gib(bytes) {
    const size = bytes / 2 ** 30;
    return (Number.isInteger(size) ? size : size.toFixed(1)) + " GiB";
  }

  function update() {
    const chosen = form.querySelector("input[name=flavor]:checked");
    const summary = document.getElementById("summary");
    const count = Number(form.elements.count.value);
    if (!chosen || !Number.isInteger(count) || count < 1) {
      summary.textContent = "";
      return;
    }
    const per = chosen.dataset;
    form.elements.count.min = 1;
    form.elements.count.max = per.max;
    document.querySelector("label[for=count]").textContent = "Number of " + per.unit + "s";
    if (count > Number(per.max)) {
      summary.textContent = "At most " + per.max + " " + per.unit + "s.";
      return;
    }
    const parts = [count * per.cpu + " vCPU", gib(count * per.memory) + " memory", gib(count * per.disk) + " disk"];
    if (Number(per.gpu)) {
      parts.unshift(count * per.gpu + " GPU");
    }
    summary.textContent = parts.join(", ") + " · " + trimmed(count * per.price) + " " + per.currency + " per hour";
  }

  function matchFrameworks() {
    const editor = form.querySelector("input[name=editor]:checked");
    for (const group of form.querySelectorAll("#framework optgroup:not([disabled])")) {
      const bad = editor && group.dataset.incompatible.split(" ").includes(editor.value);
      for (const option of group.children) {
        option.disabled = bad;
      }
    }
  }

  let next = 1000;
  form.addEventListener("click", function (event) {
    const adder = event.target.closest("[data-add-row]");
    const remover = event.target.closest("[data-remove-row]");
    if (adder) {
      event.preventDefault();
      const kind = adder.dataset.addRow;
      const made = document.createElement("div");
      made.innerHTML = document.querySelector("template[data-template=" + kind + "]").innerHTML.replaceAll("NUMBER", next);
      next += 1;
      const row = made.firstElementChild;
      form.querySelector("[data-rows=" + kind + "]").append(row);
      row.querySelector("input, select").focus();
    } else if (remover) {
      event.preventDefault();
      const row = remover.closest("[data-row]");
      const adding = row.closest("details").querySelector("[data-add-row]");
      row.remove();
      adding.focus();
    }
  });
  form.addEventListener("input", update);
  form.addEventListener("change", matchFrameworks);
  update();
  matchFrameworks();
})();
