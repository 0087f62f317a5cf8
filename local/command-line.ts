/**
 * The switches that a command was called with. `--help` prints the usage and ends the process; so does, with exit code 2, whatever the
 * command does not know: it would do something else than was asked for.
 */
export function switchesOf<Name extends `--${string}`>(usage: string, known: readonly Name[]): ReadonlySet<Name> {
  const given = process.argv.slice(2);
  if (given.includes('--help')) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  const unknown = given.find((argument) => !(known as readonly string[]).includes(argument));
  if (unknown !== undefined) {
    process.stderr.write(`There is no option ${unknown}.\n\n${usage}\n`);
    process.exit(2);
  }
  return new Set(given as Name[]);
}
