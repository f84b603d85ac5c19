import type { Command } from './command.ts';
import { PROGRAM } from './help.ts';
import { kebab, type Option } from './options.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can be completed of one option. */
interface Completed {
  flag: string;
  help: string;
  /** null for a flag; words to choose from, files, or anything. */
  value: null | { words: string[] } | 'file' | 'any';
}

const optionsOf = ({ options }: Command): Completed[] => [
  ...Object.entries(options).map(([name, option]) => ({
    ...{ flag: `--${kebab(name)}`, help: option.help, value: completedValue(option) },
  })),
  { flag: '--help', help: 'explains the command', value: null },
];

function completedValue({ value }: Option<unknown>): Completed['value'] {
  if (value === null) return null;
  if (/^[a-z]+(-[a-z]+)*(\|[a-z]+(-[a-z]+)*)+$/.test(value)) return { words: value.split('|') };
  return /FILE|DIR|FOLDER|PLACE/.test(value) ? 'file' : 'any';
}

/** A script that completes commands, options and their values. @param words of the program itself */
export function completionScript(
  shell: Shell,
  commands: readonly Command[],
  words: readonly string[],
): string {
  return { bash, zsh, fish }[shell](commands, words);
}

const FUNCTION = '_chroma_to_pgvector';

function bash(commands: readonly Command[], words: readonly string[]): string {
  const values = commands.flatMap((command) =>
    optionsOf(command).flatMap(({ flag, value }) => {
      const reply =
        value === 'file'
          ? 'compgen -f -- "$word"'
          : value === 'any'
            ? null
            : value && `compgen -W '${value.words.join(' ')}' -- "$word"`;
      if (value === null) return [];
      return [
        `    ${command.name}:${flag}) ${reply ? `COMPREPLY=($(${reply}))` : 'COMPREPLY=()'}; return ;;`,
      ];
    }),
  );
  const flags = commands.map(
    (command) =>
      `    ${command.name}) names='${optionsOf(command)
        .map(({ flag }) => flag)
        .join(' ')}' ;;`,
  );
  return `# ${PROGRAM} completion bash: put it where bash reads it, for one by
#   source <(${PROGRAM} completion bash)
${FUNCTION}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} names=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${[...commands.map(({ name }) => name), ...words].join(' ')}' -- "$word"))
    return
  fi
  case $command:$before in
    completion:completion) COMPREPLY=($(compgen -W '${SHELLS.join(' ')}' -- "$word")); return ;;
    schema:schema) COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$word")); return ;;
${values.join('\n')}
  esac
  case $command in
${flags.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$names" -- "$word"))
}
complete -o default -F ${FUNCTION} ${PROGRAM}
`;
}

/** For single quotes. */
const single = (text: string) => text.replaceAll("'", "'\\''");
/** For an _arguments specification in single quotes, where brackets and colons have a meaning. */
const specified = (text: string) => single(text.replaceAll(/([[\]:\\])/g, '\\$1'));

function zsh(commands: readonly Command[], words: readonly string[]): string {
  const action = (value: Completed['value']) =>
    value === null
      ? ''
      : value === 'file'
        ? ':file:_files'
        : value === 'any'
          ? ':value: '
          : `:value:(${value.words.join(' ')})`;
  const cases = commands.map((command) => {
    const specifications = optionsOf(command).map(
      ({ flag, help, value }) => `      '*${flag}[${specified(help)}]${action(value)}'`,
    );
    return `    ${command.name}) _arguments \\\n${specifications.join(' \\\n')} ;;`;
  });
  const described = commands.map(
    ({ name, summary }) => `    '${name}:${single(summary.replaceAll(':', '\\:'))}'`,
  );
  return `#compdef ${PROGRAM}
# ${PROGRAM} completion zsh: put it into a file of your fpath named _${PROGRAM}, or read it by
#   source <(${PROGRAM} completion zsh)
${FUNCTION}() {
  local -a commands=(
${described.join('\n')}
${words.map((word) => `    '${word}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    completion) _values shell ${SHELLS.join(' ')} ;;
    schema) _values command ${commands.map(({ name }) => name).join(' ')} ;;
${cases.join('\n')}
  esac
}
compdef ${FUNCTION} ${PROGRAM}
`;
}

function fish(commands: readonly Command[], words: readonly string[]): string {
  const line = (rest: string) => `complete -c ${PROGRAM} ${rest}`;
  const first = 'not __fish_seen_subcommand_from';
  const names = commands.map(({ name }) => name);
  const all = [...names, ...words].join(' ');
  return `${[
    `# ${PROGRAM} completion fish: put it into ~/.config/fish/completions/${PROGRAM}.fish`,
    line('-f'),
    ...commands.map(({ name, summary }) => line(`-n '${first} ${all}' -a ${name} -d '${fished(summary)}'`)),
    ...words.map((word) => line(`-n '${first} ${all}' -a ${word}`)),
    line(`-n '__fish_seen_subcommand_from completion' -a '${SHELLS.join(' ')}'`),
    line(`-n '__fish_seen_subcommand_from schema' -a '${names.join(' ')}'`),
    ...commands.flatMap((command) =>
      optionsOf(command).map(({ flag, help, value }) => {
        const takes =
          value === null
            ? ''
            : value === 'file'
              ? ' -r -F'
              : value === 'any'
                ? ' -x'
                : ` -x -a '${value.words.join(' ')}'`;
        return line(
          `-n '__fish_seen_subcommand_from ${command.name}' -l ${flag.slice(2)}${takes} -d '${fished(help)}'`,
        );
      }),
    ),
  ].join('\n')}\n`;
}

/** For fish's single quotes. */
const fished = (text: string) => text.replaceAll(/(['\\])/g, '\\$1');
