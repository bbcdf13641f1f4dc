extension DocumentationPage {
    static let script = #"""

        "use strict";
        const here = location.pathname.replace(/[^/]*$/, "");
        let api;

        const node = (tag, properties, ...children) => {
          const made = document.createElement(tag);
          for (const [name, value] of Object.entries(properties || {})) {
            if (name in made) made[name] = value; else made.setAttribute(name, value);
          }
          made.append(...children.filter((child) => child !== null && child !== undefined));
          return made;
        };

        // What stands between backticks is code.
        const inline = (text) => text.split("`").map((part, place) => place % 2 ? node("code", {}, part) : part);
        const prose = (text) => text ? text.split("\n\n").map((paragraph) => node("p", {}, ...inline(paragraph))) : [];

        const resolved = (value) => value && value.$ref
          ? value.$ref.slice(2).split("/").reduce((found, key) => found[key], api) : value;

        // Lists of scalars stand on one line; long ones are cut in what is only shown.
        const pretty = (value, cuts, indent = "") => {
          if (value === null || typeof value !== "object") return JSON.stringify(value);
          const isList = Array.isArray(value);
          const entries = isList ? value : Object.entries(value);
          if (!entries.length) return isList ? "[]" : "{}";
          if (isList && value.every((element) => element === null || typeof element !== "object")) {
            if (cuts && value.length > 16) return `[${value.slice(0, 4).join(", ")}, … ${value.length} in all]`;
            return `[${value.map((element) => JSON.stringify(element)).join(", ")}]`;
          }
          const next = indent + "  ";
          const lines = isList ? value.map((element) => next + pretty(element, cuts, next))
            : entries.map(([key, member]) => `${next}${JSON.stringify(key)}: ${pretty(member, cuts, next)}`);
          return `${isList ? "[" : "{"}\n${lines.join(",\n")}\n${indent}${isList ? "]" : "}"}`;
        };

        // What a schema demands, in a line.
        const rule = (schema) => {
          if (schema.$ref) return schema.$ref.split("/").pop();
          if ("const" in schema) return JSON.stringify(schema.const);
          const either = schema.anyOf || (schema.type ? null : schema.oneOf);
          if (either) return either.map(rule).join(" or ");
          if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
          const types = [].concat(schema.type || "anything");
          let text = types.join(" or ");
          if (types.includes("array")) text = text.replace("array", `list of ${rule(schema.items || {})}`);
          if (schema.format && schema.format !== "float") text += ` (${schema.format})`;
          const range = (least, most, unit) => {
            if (least === undefined && most === undefined) return;
            text += least === most ? `, ${least}${unit}` : least === undefined ? `, at most ${most}${unit}`
              : most === undefined ? `, at least ${least}${unit}` : `, ${least} to ${most}${unit}`;
          };
          range(schema.minimum, schema.maximum, "");
          range(schema.minLength, schema.maxLength, " characters");
          range(schema.minItems, schema.maxItems, " elements");
          if ("default" in schema) text += `, default ${JSON.stringify(schema.default)}`;
          return text;
        };

        // The object inside of a schema, if there is one.
        const inner = (schema) => {
          const found = resolved(schema);
          if (!found) return null;
          if (found.properties || found.oneOf && !found.type) return found;
          if (found.items) return inner(found.items);
          if (found.anyOf) return found.anyOf.map(inner).find((one) => one) || null;
          return typeof found.additionalProperties === "object" ? inner(found.additionalProperties) : null;
        };

        const members = (schema) => {
          if (!schema.properties) {
            return node("div", {}, ...schema.oneOf.map((one) => folded(one.$ref ? rule(one) : "one of", inner(one))));
          }
          const required = schema.required || [];
          const rows = Object.entries(schema.properties).map(([name, member]) => node("tr", {},
            node("td", {}, node("code", {}, name), required.includes(name) && schema.additionalProperties === false
              ? node("span", { className: "must", title: "required" }, " *") : null),
            node("td", {}, rule(member), ...prose(member.description), folded("members", inner(member)))));
          return node("table", {}, node("thead", {}, node("tr", {}, node("th", {}, "member"), node("th", {}, "rule"))),
            node("tbody", {}, ...rows));
        };

        // Made when it is opened: descriptions refer to one another.
        const folded = (title, schema) => {
          if (!schema) return null;
          const box = node("details", {}, node("summary", {}, title));
          box.addEventListener("toggle", () => { if (box.children.length === 1) box.append(members(schema)); });
          return box;
        };

        const shown = (content) => Object.entries(content || {}).flatMap(([type, media]) => [
          node("p", { className: "faint" }, type), folded(rule(media.schema), inner(media.schema)),
          "example" in media ? node("pre", { tabIndex: 0 }, pretty(media.example, true)) : null,
        ]);

        const field = (parameter, id) => {
          const schema = parameter.schema;
          const values = schema.type === "boolean" ? [true, false] : schema.enum;
          const input = values
            ? node("select", { id }, node("option", { value: "" }, "—"), ...values.map((value) => node("option", {}, String(value))))
            : node("input", { id, autocomplete: "off", spellcheck: false, placeholder: parameter.example === undefined ? "" : String(parameter.example) });
          if (parameter.required && parameter.example !== undefined) input.value = String(parameter.example);
          return input;
        };

        const route = (path, method, operation) => {
          const id = operation.operationId;
          const inside = node("div", { className: "inside" }, ...prose(operation.description));
          const fields = (operation.parameters || []).map(resolved).map((parameter) => ({ parameter, input: field(parameter, `${id}.${parameter.name}`) }));
          const form = node("form", {});
          if (fields.length) {
            form.append(node("h3", {}, "Parameters"), node("table", {}, node("tbody", {}, ...fields.map(({ parameter, input }) => node("tr", {},
              node("td", {}, node("label", { htmlFor: input.id }, node("code", {}, parameter.name)),
                parameter.required ? node("span", { className: "must", title: "required" }, " *") : null,
                node("div", { className: "faint" }, parameter.in)),
              node("td", {}, rule(parameter.schema), ...prose(parameter.description)), node("td", {}, input))))));
          }
          let body;
          if (operation.requestBody) {
            const media = operation.requestBody.content["application/json"];
            const examples = Object.entries(media.examples || {});
            body = node("textarea", { id: `${id}.body`, spellcheck: false, value: pretty(examples[0][1].value, false) });
            const choice = node("select", { ariaLabel: "Example" }, ...examples.map(([name]) => node("option", {}, name)));
            choice.addEventListener("change", () => { body.value = pretty(examples[choice.selectedIndex][1].value, false); });
            form.append(node("h3", {}, node("label", { htmlFor: body.id }, "Body "), examples.length > 1 ? choice : null),
              folded(rule(media.schema), inner(media.schema)), body);
          }
          if (!operation.responses["101"]) trial(form, method, path, fields, body);
          inside.append(form, node("h3", {}, "Answers"));
          for (const [status, answer] of Object.entries(operation.responses)) {
            const told = resolved(answer);
            const content = Object.values(told.content || {})[0];
            const codes = answer.$ref && content.schema.properties.error.properties.code.enum;
            const example = codes ? [node("p", {}, ...codes.map((code) => node("code", {}, code + " "))),
              ...codes.map((code) => node("pre", { tabIndex: 0 }, pretty(content.examples[code].value, true)))] : shown(told.content);
            inside.append(node("details", {}, node("summary", {}, node("code", {}, status), " ", ...inline(told.description)), ...example.filter(Boolean)));
          }
          return node("details", { className: "route", id }, node("summary", {},
            node("span", { className: `method ${method}` }, method.toUpperCase()), node("span", { className: "path" }, path),
            node("span", { className: "what" }, operation.summary)), inside);
        };

        // A request to this server, and its answer.
        const trial = (form, method, path, fields, body) => {
          const send = node("button", { type: "submit" }, "Send");
          const stop = node("button", { type: "button", hidden: true }, "Stop");
          const status = node("span", { role: "status" });
          const output = node("pre", { tabIndex: 0, hidden: true, ariaLabel: "Answer" });
          form.append(node("div", { className: "actions" }, send, stop, status), output);
          let control;
          stop.addEventListener("click", () => control.abort());
          form.addEventListener("submit", async (event) => {
            event.preventDefault();
            const headers = {};
            const query = new URLSearchParams();
            let target = path;
            for (const { parameter, input } of fields) {
              if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
              else if (input.value !== "" && parameter.in === "header") headers[parameter.name] = input.value;
              else if (input.value !== "") query.set(parameter.name, input.value);
            }
            const key = document.getElementById("key").value;
            if (key) headers.authorization = `Bearer ${key}`;
            if (body) headers["content-type"] = "application/json";
            control = new AbortController();
            send.disabled = !(stop.hidden = false);
            output.hidden = false;
            output.textContent = "";
            status.textContent = "…";
            const begun = performance.now();
            try {
              const answer = await fetch(here.replace(/\/$/, "") + target + (query.size ? `?${query}` : ""),
                { method: method.toUpperCase(), headers, body: body && body.value, signal: control.signal });
              const again = answer.headers.get("retry-after");
              status.textContent = `${answer.status} ${answer.statusText}, ${Math.round(performance.now() - begun)} ms, request ${
                answer.headers.get("x-request-id")}${again ? `, again after ${again} s` : ""}`;
              const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
              for (let text = ""; ;) {
                const { done, value } = await reader.read();
                if (value) output.textContent = text += value;
                if (!done) continue;
                if ((answer.headers.get("content-type") || "").includes("json")) output.textContent = pretty(JSON.parse(text), true);
                break;
              }
            } catch (error) {
              status.textContent = error.name === "AbortError" ? "stopped" : `failed: ${error.message}`;
            }
            send.disabled = !(stop.hidden = true);
          });
        };

        const show = () => {
          document.getElementById("version").textContent = api.info.version;
          const main = document.getElementById("main");
          const index = document.getElementById("index");
          main.replaceChildren(...prose(api.info.description));
          for (const tag of api.tags) {
            const found = Object.entries(api.paths).flatMap(([path, operations]) => Object.entries(operations)
              .filter(([, operation]) => operation.tags.includes(tag.name)).map(([method, operation]) => [path, method, operation]));
            const title = node("h2", { id: tag.name }, tag.name);
            main.append(node("section", { ariaLabel: tag.name }, title, node("p", {}, tag.description), ...found.map((one) => route(...one))));
            index.append(node("section", {}, node("h4", {}, tag.name), node("ul", {}, ...found.map(([path, method, operation]) => node("li", {},
              node("a", { href: `#${operation.operationId}` }, node("span", { className: `method ${method}` }, method.toUpperCase()),
                node("span", { className: "path" }, path)))))));
          }
          document.getElementById("search").addEventListener("input", (event) => {
            const wanted = event.target.value.toLowerCase();
            for (const item of index.querySelectorAll("li")) item.hidden = !item.textContent.toLowerCase().includes(wanted);
            for (const part of index.children) part.hidden = !part.querySelector("li:not([hidden])");
          });
          unfold();
        };

        // Opens the route that the address names.
        const unfold = () => {
          const found = document.getElementById(location.hash.slice(1));
          if (!found) return;
          found.open = true;
          found.scrollIntoView();
        };
        addEventListener("hashchange", unfold);

        fetch("openapi.json").then((answer) => answer.json()).then((description) => { api = description; show(); }).catch((error) => {
          document.getElementById("loading").textContent = `The description can't be read: ${error.message}`;
        });

        """#
}
