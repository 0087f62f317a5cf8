/** Position after a quoted text, comment or single character that starts at `at`. */
function skip(sql: string, at: number): number {
  const char = sql[at];
  if (char === "'" || char === '"' || char === '`') return afterQuote(sql, at, char);
  if (char === '#' && (sql[at + 1] === ' ' || sql[at + 1] === '!')) return afterLine(sql, at);
  if (char === '-' && sql[at + 1] === '-') return afterLine(sql, at);
  if (char === '/' && sql[at + 1] === '*') {
    const end = sql.indexOf('*/', at + 2);
    return end < 0 ? sql.length : end + 2;
  }
  return at + 1;
}

function afterQuote(sql: string, start: number, quote: string): number {
  for (let at = start + 1; at < sql.length; at += 1) {
    if (sql[at] === '\\') at += 1;
    else if (sql[at] === quote) return at + 1;
  }
  return sql.length;
}

function afterLine(sql: string, start: number): number {
  const end = sql.indexOf('\n', start);
  return end < 0 ? sql.length : end + 1;
}

/**
 * The one statement of a request without its closing semicolon.
 * A server refuses several statements in one request, chdb runs them all: what passes here has to pass there.
 * Throws the server's error 62 in its wording.
 */
export function singleStatement(sql: string): string {
  for (let at = 0; at < sql.length; at = skip(sql, at)) {
    if (sql[at] !== ';') continue;
    if (hasCode(sql.slice(at + 1))) {
      throw new Error(
        `Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed): failed at position ${at + 1} (end of query). (SYNTAX_ERROR)`,
      );
    }
    return sql.slice(0, at);
  }
  return sql;
}

function hasCode(sql: string): boolean {
  for (let at = 0; at < sql.length; ) {
    const next = skip(sql, at);
    const comment = next > at + 1 && !'\'"`'.includes(sql[at] ?? '');
    if (!comment && !/[\s;]/.test(sql[at] ?? '')) return true;
    at = next;
  }
  return false;
}

/** True for an INSERT whose rows come with the request, not from a SELECT of its own. */
export function insertsData(sql: string): boolean {
  return /^\s*(?:(?:--[^\n]*\n|\/\*[\s\S]*?\*\/)\s*)*insert\b/i.test(sql) && /\b(?:format\s+\w+|values)\s*$/i.test(sql.trim());
}

/** Names of the parameters that a statement mentions, e.g. `{customer:String}`. */
export function mentions(sql: string, parameter: string): boolean {
  return new RegExp(`\\{\\s*${parameter}\\s*:`).test(sql);
}

/** A text as a SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A name as a quoted identifier. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
