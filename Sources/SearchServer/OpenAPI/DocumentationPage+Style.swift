extension DocumentationPage {
    static let style = #"""

        :root {
          --ground: #fff; --raised: #f5f6f8; --text: #1b1f24; --faint: #59636e; --line: #d4d9df; --link: #0a58b8;
          --get: #0a58b8; --post: #1a7f37; --put: #9a6700; --patch: #9a6700; --delete: #c1121f;
          --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #0e1116; --raised: #171c23; --text: #e4e8ee; --faint: #9aa4b0; --line: #303843; --link: #79b8ff;
            --get: #79b8ff; --post: #56d364; --put: #e3b341; --patch: #e3b341; --delete: #ff7b72;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
          display: grid; grid-template: auto 1fr / 20rem minmax(0, 1fr); min-height: 100vh;
        }
        a { color: var(--link); }
        :focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
        .skip { position: absolute; left: -99rem; }
        .skip:focus { left: .5rem; top: .5rem; background: var(--ground); padding: .25rem .5rem; z-index: 2; }
        header {
          grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: center; justify-content: space-between;
          padding: .6rem 1.25rem; border-bottom: 1px solid var(--line); background: var(--raised);
        }
        #key { width: 17rem; }
        header p { margin: 0; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
        h1 { font-size: 1.2rem; margin: 0; }
        h1 small { color: var(--faint); font-weight: normal; }
        h2 { font-size: 1.15rem; margin: 2rem 0 .1rem; text-transform: capitalize; }
        h2 + p { margin: 0 0 .7rem; color: var(--faint); }
        h3 { font-size: .95rem; margin: 1.1rem 0 .35rem; }
        nav {
          border-right: 1px solid var(--line); padding: 1rem 1.25rem; font-size: .85rem; position: sticky; top: 0; align-self: start;
          max-height: 100vh; overflow: auto;
        }
        nav h4 { margin: 1rem 0 .2rem; text-transform: capitalize; }
        nav ul { list-style: none; margin: 0; padding: 0; }
        nav li a { display: flex; align-items: baseline; padding: .1rem 0; text-decoration: none; color: var(--text); }
        nav li .path { flex: 1; font-size: 12px; min-width: 0; overflow-wrap: anywhere; }
        nav .method { flex: none; }
        nav li a:hover { color: var(--link); }
        main { padding: .5rem 1.5rem 4rem; max-width: 66rem; }
        input, textarea, select, button {
          font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 5px; padding: .25rem .5rem;
        }
        nav input { width: 100%; }
        textarea { width: 100%; min-height: 9rem; font: 13px/1.45 var(--mono); white-space: pre; overflow: auto; }
        button { cursor: pointer; background: var(--link); color: var(--ground); border-color: var(--link); padding: .25rem 1rem; }
        button[disabled] { opacity: .5; cursor: default; }
        details.route { border: 1px solid var(--line); border-radius: 7px; margin: .45rem 0; }
        details.route > summary {
          display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: baseline; padding: .4rem .75rem; cursor: pointer; list-style: none;
        }
        details.route > summary::-webkit-details-marker { display: none; }
        details.route[open] > summary { border-bottom: 1px solid var(--line); background: var(--raised); border-radius: 7px 7px 0 0; }
        summary .what { color: var(--faint); }
        .inside { padding: .2rem 1rem 1rem; }
        .method { font: bold 12px var(--mono); width: 3.6rem; display: inline-block; }
        .get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .patch { color: var(--patch); } .delete { color: var(--delete); }
        code, pre, .path { font-family: var(--mono); font-size: 13px; }
        code { overflow-wrap: anywhere; }
        pre {
          background: var(--raised); border: 1px solid var(--line); border-radius: 5px; padding: .6rem .75rem; margin: .3rem 0; overflow: auto;
          max-height: 26rem;
        }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th { text-align: left; font-weight: 600; color: var(--faint); }
        th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        td p { margin: 0; }
        td:first-child { white-space: nowrap; }
        td details { margin: .1rem 0; }
        td input, td select { width: 100%; min-width: 9rem; }
        .must { color: var(--delete); }
        .faint { color: var(--faint); }
        .actions { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: .7rem 0; }
        @media (max-width: 50rem) {
          body { display: block; }
          nav { position: static; max-height: 15rem; border-right: 0; border-bottom: 1px solid var(--line); }
          main { padding: .5rem 1rem 3rem; }
          table, tbody, tr, td { display: block; }
          thead { display: none; }
          td { border: 0; padding: .1rem 0; }
          tr { border-bottom: 1px solid var(--line); padding: .3rem 0; }
        }

        """#
}
