// Discord's markdown as a tree: text in, plain objects out. Knows nothing of the page.

// Nesting deeper than this is shown as written; nobody writes it but to do harm.
const DEEPEST = 10;

/**
 * Blocks of a message: {type: "paragraph" | "heading" | "subtext" | "quote" | "code" | "list", …}.
 * Inline parts are strings or {type, …}; see `parseInline`.
 */
export function parse(text) {
  return parseBlocks(text.replaceAll("\r\n", "\n"), 0);
}

const FENCE = /^([^\n]*?)```(?:([\w+#.-]+)\n)?\n*([^]+?)\n*```([^\n]*)/;

function parseBlocks(text, depth) {
  const blocks = [];
  let rest = text;
  let paragraph = [];

  const endParagraph = () => {
    if (paragraph.length > 0) {
      blocks.push({ type: "paragraph", parts: parseInline(paragraph.join("\n"), depth) });
      paragraph = [];
    }
  };
  const add = (block, consumed) => {
    endParagraph();
    blocks.push(block);
    rest = rest.slice(consumed).replace(/^\n/, "");
  };

  while (rest !== "") {
    const quote = depth < DEEPEST && readQuote(rest);
    if (quote) {
      add({ type: "quote", blocks: parseBlocks(quote.text, depth + 1) }, quote.length);
      continue;
    }
    const heading = /^(#{1,3}) +([^\n]+)/.exec(rest);
    if (heading) {
      add(
        { type: "heading", level: heading[1].length, parts: parseInline(heading[2].trim(), depth) },
        heading[0].length,
      );
      continue;
    }
    const subtext = /^-# +([^\n]+)/.exec(rest);
    if (subtext) {
      add({ type: "subtext", parts: parseInline(subtext[1], depth) }, subtext[0].length);
      continue;
    }
    const list = readList(rest, depth);
    if (list) {
      add(list.block, list.length);
      continue;
    }
    const fence = FENCE.exec(rest);
    if (fence) {
      if (fence[1] !== "") {
        paragraph.push(fence[1]);
      }
      endParagraph();
      blocks.push({ type: "code", language: fence[2] ?? "", text: fence[3] });
      rest = rest.slice(fence[0].length - fence[4].length).replace(/^\n/, "");
      continue;
    }
    const line = /^[^\n]*/.exec(rest)[0];
    paragraph.push(line);
    rest = rest.slice(line.length);
    if (rest.startsWith("\n")) {
      rest = rest.slice(1);
      if (rest === "") {
        break;
      }
    }
  }
  endParagraph();
  return blocks;
}

/** "> a" lines, or ">>> " and everything after it. */
function readQuote(text) {
  if (text.startsWith(">>> ")) {
    return { text: text.slice(4), length: text.length };
  }
  const lines = /^(?:> [^\n]*(?:\n|$))+/.exec(text);
  if (!lines) {
    return null;
  }
  const quoted = lines[0].replace(/\n$/, "");
  return { text: quoted.replace(/^> /gm, ""), length: quoted.length };
}

const ITEM = /^( *)([-*]|\d{1,9}\.) +([^\n]+)(?:\n|$)/;

/** A list with its nested lists; two spaces more go one level down. */
function readList(text, depth) {
  const first = ITEM.exec(text);
  if (!first || first[1] !== "") {
    return null;
  }
  const rows = [];
  let rest = text;
  for (let item = ITEM.exec(rest); item; item = ITEM.exec(rest)) {
    const isOtherKind = item[1] === "" && isNumber(item[2]) !== isNumber(first[2]);
    if (isOtherKind) {
      break;
    }
    rows.push({ indent: item[1].length, mark: item[2], text: item[3] });
    rest = rest.slice(item[0].length);
  }
  const length = text.length - rest.length;
  const { block } = nest(rows, 0, depth);
  return { block, length: text[length - 1] === "\n" ? length - 1 : length };
}

const isNumber = (mark) => /\d/.test(mark);

function nest(rows, start, depth) {
  const { indent, mark } = rows[start];
  const ordered = isNumber(mark);
  const block = {
    type: "list",
    ordered,
    first: ordered ? Number.parseInt(mark, 10) : null,
    items: [],
  };
  let index = start;
  while (index < rows.length && rows[index].indent >= indent) {
    if (rows[index].indent > indent + 1 && block.items.length > 0 && depth < DEEPEST) {
      const inner = nest(rows, index, depth + 1);
      block.items.at(-1).list = inner.block;
      index = inner.next;
    } else {
      block.items.push({ parts: parseInline(rows[index].text, depth), list: null });
      index += 1;
    }
  }
  return { block, next: index };
}

// In this order: the first rule that matches at a place wins. Each pattern is tried at one place only ("y").
/** @type {{pattern: RegExp, make: Function, length?: Function}[]} */
const INLINE = [
  { pattern: /\\([^\sA-Za-z0-9])/y, make: ([, sign]) => sign },
  {
    pattern: /(`+)([^]*?[^`])\1(?!`)/y,
    make: ([, , code]) => ({ type: "code", text: trimCode(code) }),
  },
  { pattern: /<@!?(\d{1,20})>/y, make: ([, id]) => ({ type: "user", id }) },
  { pattern: /<@&(\d{1,20})>/y, make: ([, id]) => ({ type: "role", id }) },
  { pattern: /<#(\d{1,20})>/y, make: ([, id]) => ({ type: "channel", id }) },
  {
    pattern: /<\/([-_\p{L}\p{N} ]{1,100}):(\d{1,20})>/uy,
    make: ([, name]) => ({ type: "command", name }),
  },
  {
    pattern: /<t:(-?\d{1,13})(?::([tTdDfFRsS]))?>/y,
    make: ([, at, style]) => ({ type: "time", at: Number(at), style: style ?? "f" }),
  },
  { pattern: /<a?:(\w{2,32}):\d{1,20}>/y, make: ([, name]) => ({ type: "customEmoji", name }) },
  { pattern: /@(everyone|here)\b/y, make: ([all]) => ({ type: "everyone", text: all }) },
  {
    pattern:
      /\[((?:\\.|[^[\]\\\n]){1,512})\]\(<?(https?:\/\/[^\s<>()]+(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?: +"[^"\n]*")?\)/y,
    make: ([, label, url], inside) => link(url, inside(label)),
  },
  { pattern: /<(https?:\/\/[^\s<>]+)>/y, make: ([, url]) => link(url, null) },
  {
    pattern: /https?:\/\/[^\s<>]+[^\s<>"'.,:;!?\]*_~|]/y,
    make: ([url]) => link(balanced(url), null),
    length: ([url]) => balanced(url).length,
  },
  {
    pattern: /\*\*((?:\\.|[^\\])+?)\*\*(?!\*)/y,
    make: ([, text], inside) => ({ type: "bold", parts: inside(text) }),
  },
  {
    pattern: /__((?:\\.|[^\\])+?)__(?!_)/y,
    make: ([, text], inside) => ({ type: "underline", parts: inside(text) }),
  },
  {
    pattern: /~~((?:\\.|[^\\])+?)~~(?!~)/y,
    make: ([, text], inside) => ({ type: "strike", parts: inside(text) }),
  },
  {
    pattern: /\|\|((?:\\.|[^\\])+?)\|\|/y,
    make: ([, text], inside) => ({ type: "spoiler", parts: inside(text) }),
  },
  {
    pattern: /\*(?=\S)((?:\*\*(?:\\.|[^\\])+?\*\*|\\.|[^*\\])+?)(?<=\S)\*(?!\*)/y,
    make: ([, text], inside) => ({ type: "italic", parts: inside(text) }),
  },
  {
    pattern: /_((?:__(?:\\.|[^\\])+?__|\\.|[^_\\])+?)_(?![_\p{L}\p{N}])/uy,
    make: ([, text], inside) => ({ type: "italic", parts: inside(text) }),
  },
];

// The characters at which one of the rules above can begin.
const BEGINS = /[\\`<@[*_~|h]/g;

/**
 * Inline parts: strings and {type: "bold" | "italic" | "underline" | "strike" | "spoiler" | "code" |
 * "link" | "user" | "role" | "channel" | "command" | "everyone" | "time" | "customEmoji", …}.
 */
export function parseInline(text, depth = 0) {
  const parts = [];
  const inside = (inner) => (depth < DEEPEST ? parseInline(inner, depth + 1) : [inner]);
  let written = "";
  let at = 0;

  const addText = (more) => {
    written += more;
  };
  const add = (part) => {
    if (written !== "") {
      parts.push(written);
      written = "";
    }
    parts.push(part);
  };

  while (at < text.length) {
    BEGINS.lastIndex = at;
    const begin = BEGINS.exec(text);
    if (!begin) {
      addText(text.slice(at));
      break;
    }
    addText(text.slice(at, begin.index));
    at = begin.index;
    const found = firstRule(text, at);
    if (!found) {
      addText(text[at]);
      at += 1;
      continue;
    }
    const part = found.rule.make(found.match, inside);
    if (typeof part === "string") {
      addText(part);
    } else {
      add(part);
    }
    at += found.rule.length?.(found.match) ?? found.match[0].length;
  }
  if (written !== "") {
    parts.push(written);
  }
  return parts;
}

function firstRule(text, at) {
  for (const rule of INLINE) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(text);
    if (match && !(match[0].startsWith("_") && /\w/.test(text[at - 1] ?? ""))) {
      return { rule, match };
    }
  }
  return null;
}

function link(url, parts) {
  return { type: "link", url, parts: parts ?? [url] };
}

/** An address in brackets does not own the closing bracket. */
function balanced(url) {
  let open = 0;
  for (let index = 0; index < url.length; index += 1) {
    open += url[index] === "(" ? 1 : url[index] === ")" ? -1 : 0;
    if (open < 0) {
      return url.slice(0, index);
    }
  }
  return url;
}

function trimCode(code) {
  return code.length > 2 && code.startsWith(" ") && code.endsWith(" ") ? code.slice(1, -1) : code;
}

/**
 * A message's words without any marks, for previews and notices. `named(node)` gives what somebody
 * reads of a person, a role, a channel or a command.
 */
export function plainText(text, named = (node) => node.name) {
  return flatten(parse(text), named, " ").replace(/\s+/g, " ").trim();
}

function flatten(nodes, named, between = "") {
  const words = (node) => {
    if (typeof node === "string") {
      return node;
    }
    if (node.type === "spoiler") {
      return "▒▒▒";
    }
    if (node.type === "list") {
      return node.items.map((item) => flatten(item.parts, named)).join(" ");
    }
    if (node.blocks) {
      return flatten(node.blocks, named, " ");
    }
    return node.parts ? flatten(node.parts, named) : (node.text ?? named(node) ?? "");
  };
  return nodes.map(words).join(between);
}
