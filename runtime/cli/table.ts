/** Every command: what help, completions and the argument parser need to know. No logic. */

export interface OptionRow {
  /** With its dashes. */
  readonly name: string;
  readonly short?: string;
  /** Name of its value; absent: a switch. */
  readonly value?: string;
  /** It may be given several times. */
  readonly many?: true;
  readonly help: string;
}

export interface CommandRow {
  readonly name: string;
  /** What stands behind the command's name. */
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionRow[];
  /** True: files are completed. */
  readonly files: boolean;
  /** Longer text, a paragraph per entry. */
  readonly text: readonly string[];
  readonly examples: readonly string[];
}

const JSON_OPTION: OptionRow = { name: "--json", help: "print JSON" };
const NO_CACHE_OPTION: OptionRow = {
  name: "--no-cache",
  help: "read the spec anew, whatever was read before",
};
const SINCE_OPTION: OptionRow = {
  name: "--since",
  value: "TIME",
  help: "only what came since: 10m, or a time such as 2026-11-24T12:00:00Z",
};
const SET_OPTION: OptionRow = {
  name: "--set",
  value: "NAME=VALUE",
  many: true,
  help: "the value of a declared variable, before the environment and .env",
};
const REPRODUCIBLE_OPTION: OptionRow = {
  name: "--reproducible",
  help: "the same host name, locale, seeds, addresses, times each time",
};
const PROFILE_OPTION: OptionRow = {
  name: "--profile",
  value: "NAME",
  many: true,
  help: "with the containers of this profile, besides those that are always there",
};
const OVER_OPTION: OptionRow = {
  name: "--file",
  short: "-f",
  value: "FILE",
  many: true,
  help: "the spec; each further one is merged over it",
};
const HOST_OPTION: OptionRow = {
  name: "--host",
  value: "FILE",
  help: "plan for the machine that `doctor --json` described, not for this one",
};

const FILE_OPTION: OptionRow = {
  name: "--file",
  short: "-f",
  value: "FILE",
  many: true,
  help:
    "the spec whose project is meant, the first of several; default: the nearest containerv.yaml",
};
/** Where -f is --follow. */
const LONG_FILE_OPTION: OptionRow = {
  name: "--file",
  value: "FILE",
  many: true,
  help: FILE_OPTION.help,
};
const TIME_OPTION: OptionRow = {
  name: "--time",
  short: "-t",
  value: "SECONDS",
  help: "how long each may take to end, in place of what its spec says",
};
const ALL_OPTION: OptionRow = { name: "--all", short: "-a", help: "of every project" };

export const COMMANDS: readonly CommandRow[] = [
  {
    name: "run",
    usage: "[FILE | -] [-- CMD…]",
    summary: "run a container to its end",
    options: [
      { name: "--quiet", short: "-q", help: "no status line" },
      { name: "--stdin", short: "-i", help: "pass standard input through, as `stdin: true`" },
      REPRODUCIBLE_OPTION,
      { name: "--tty", short: "-t", help: "a terminal of its own, shown on ours, as `tty: true`" },
      NO_CACHE_OPTION,
      OVER_OPTION,
      SET_OPTION,
    ],
    files: true,
    text: [
      "Runs the container that FILE describes and exits with its status: 128+n when signal n ended it, 126 when the " +
      "command cannot be executed, 127 when it is not found, 125 when containerv itself failed.",
      "Standard input is /dev/null unless the spec says `stdin: true`, or -i does.",
      "`-` reads the spec from standard input. Without FILE, ./containerv.yaml here or in a parent is taken; with " +
      "`-- CMD` and no file, the defaults. `FILE -- CMD` replaces the last command.",
      "--reproducible gives the same host name, addresses (no randomisation), TZ, LC_ALL, hash seeds and SOURCE_DATE_EPOCH (the " +
      "caller's, or 1980-01-01) to every run, unless the spec says another; no file that is copied in or out is younger than that. " +
      "The clock itself runs on: a namespace can't set it.",
    ],
    examples: ["containerv run examples/01-hello.yaml", "containerv run -- /bin/sh -c id"],
  },
  {
    name: "up",
    usage: "[FILE] [-d]",
    summary: "make true what a spec says; with -d leave it running",
    options: [
      { name: "--detach", short: "-d", help: "come back when everything was started" },
      { name: "--keep-going", help: "without -d: the others go on when one fails" },
      {
        name: "--watch",
        help:
          "do it again whenever the spec or its .env changes; with -d the supervisor stays for that",
      },
      TIME_OPTION,
      NO_CACHE_OPTION,
      PROFILE_OPTION,
      OVER_OPTION,
      SET_OPTION,
    ],
    files: true,
    text: [
      "Starts what is missing, changes what can be changed while it runs (limits, labels, checks), replaces what has changed " +
      "otherwise, removes what the spec has no more, mends what has drifted, and leaves the rest alone. `plan` says it before. " +
      "There is no daemon: one small keeper per project stays, which notes how containers end and keeps their output.",
      "Without -d their output is shown until all have ended. ^C (SIGINT, SIGTERM, SIGHUP) ends them, dependents first; once more kills " +
      "them. When one fails (ends with other than 0 and is not started again) the others are ended too, unless --keep-going; one that " +
      "ends well ends no other. The exit status is that of the first that failed, 125 when one could not be made, else 0. They stay " +
      "recorded: down removes them. Whoever is killed by SIGKILL leaves everything as -d does.",
      "With --watch it goes on until ^C, also when all have ended: each change of the spec, of the files that it is made of, or of .env is " +
      "compared with what runs, and only what differs is replaced. A spec that is wrong is said to be, and changes nothing.",
      "A project is its name and its file's path: two checkouts never touch each other.",
    ],
    examples: ["containerv up", "containerv up -d shop.yaml"],
  },
  {
    name: "apply",
    usage: "[FILE] [--yes]",
    summary: "show what up -d would do, ask, and do it",
    options: [
      { name: "--yes", short: "-y", help: "do not ask" },
      PROFILE_OPTION,
      OVER_OPTION,
      SET_OPTION,
    ],
    files: true,
    text: [
      "Without a terminal to ask at and without --yes nothing is done. What is done is compared anew, so that it is right " +
      "also when something has changed since.",
    ],
    examples: ["containerv apply", "containerv apply --yes shop.yaml"],
  },
  {
    name: "diff",
    usage: "[FILE]",
    summary: "say what of a project is not as its spec says, or not as it was made",
    options: [JSON_OPTION, PROFILE_OPTION, OVER_OPTION, SET_OPTION],
    files: true,
    text: [
      "Exits with 3 when something differs: keys that have changed, containers that are missing, have failed or are not in " +
      "the spec, and drift: values of limits that somebody else wrote, mounts that are gone, a keeper or supervisor that is lost. " +
      "`up` mends all of it.",
    ],
    examples: ["containerv diff", "containerv diff --json shop.yaml"],
  },
  {
    name: "create",
    usage: "[FILE]",
    summary: "record the containers of a spec without starting them",
    options: [
      NO_CACHE_OPTION,
      PROFILE_OPTION,
      OVER_OPTION,
      SET_OPTION,
    ],
    files: true,
    text: [
      "Each is planned against this machine and its layers are unpacked, so that what can't be had is said now; start runs it, up all of " +
      "them, rm removes it. One that is there already is left alone.",
    ],
    examples: [
      "containerv create shop.yaml",
      "containerv create shop.yaml && containerv start db --file shop.yaml",
    ],
  },
  {
    name: "ps",
    usage: "[FILE]",
    summary: "list the containers of a project",
    options: [ALL_OPTION, JSON_OPTION, FILE_OPTION],
    files: true,
    text: [
      "Without FILE, ./containerv.yaml here or in a parent is meant; where there is none, every project.",
    ],
    examples: ["containerv ps", "containerv ps --all --json"],
  },
  {
    name: "logs",
    usage: "[NAME…]",
    summary: "print what the containers of a project wrote",
    options: [
      { name: "--follow", short: "-f", help: "go on until they have ended" },
      { name: "--tail", value: "LINES", help: "only the last lines" },
      SINCE_OPTION,
      { name: "--until", value: "TIME", help: "only what came before: as --since" },
      { name: "--json", help: "a line of JSON each, with time and stream" },
      LONG_FILE_OPTION,
    ],
    files: false,
    text: [
      "A log is rotated at 10 MiB, and three old ones are kept, unless the spec's logs: says otherwise. What could not be kept because the disk was full is counted, " +
      "and said where it was.",
    ],
    examples: ["containerv logs -f --tail 20 web", "containerv logs --since 10m --json"],
  },
  {
    name: "events",
    usage: "[NAME…]",
    summary: "print what happened to the containers of a project, as lines of JSON",
    options: [
      { name: "--follow", short: "-f", help: "go on with what happens" },
      SINCE_OPTION,
      { name: "--text", help: "lines for people" },
      LONG_FILE_OPTION,
      ALL_OPTION,
    ],
    files: false,
    text: [
      "created, started, healthy, unhealthy, paused, resumed, stopping, exited, oom, restarted, completed and failed (it is not started " +
      "again), renamed, removed; each with time, project and container. There is no daemon: who acts notes it in the project's " +
      "directory, and it goes with the project.",
    ],
    examples: ["containerv events --since 10m", "containerv events -f --all --text"],
  },
  {
    name: "down",
    usage: "[FILE]",
    summary: "end and remove the containers of a project",
    options: [
      ALL_OPTION,
      TIME_OPTION,
      { name: "--volumes", help: "remove its named volumes and disks too: what they hold is lost" },
      FILE_OPTION,
    ],
    files: true,
    text: [
      "Sends each its stop signal, and after its grace time SIGKILL; then takes back what `up` made, last first.",
      "Volumes and disks are kept, unless --volumes is given.",
    ],
    examples: ["containerv down", "containerv down shop.yaml", "containerv down --volumes"],
  },
  {
    name: "stop",
    usage: "[NAME…]",
    summary: "end containers of a project, and keep their records",
    options: [TIME_OPTION, FILE_OPTION],
    files: false,
    text: [
      "The stop signal, and after the grace time SIGKILL. Without NAME all containers of the project are meant.",
    ],
    examples: ["containerv stop web"],
  },
  {
    name: "start",
    usage: "[NAME…]",
    summary: "start containers that have ended",
    options: [FILE_OPTION],
    files: false,
    text: ["As they were recorded: a spec that has changed since is for up."],
    examples: ["containerv start web"],
  },
  {
    name: "restart",
    usage: "[NAME…]",
    summary: "end containers and start them again",
    options: [TIME_OPTION, FILE_OPTION],
    files: false,
    text: [],
    examples: ["containerv restart web"],
  },
  {
    name: "update",
    usage: "NAME… --LIMIT VALUE…",
    summary: "change limits of containers while they run",
    options: [
      { name: "--cpu", value: "CPUS", help: "processor time, as 1.5" },
      { name: "--cpu-weight", value: "WEIGHT", help: "share of it, 1 to 10000" },
      { name: "--cpuset", value: "CPUS", help: "which CPUs, as 0-3" },
      { name: "--memory", value: "SIZE", help: "memory, as 512MiB" },
      { name: "--memory-high", value: "SIZE", help: "where it is slowed down" },
      { name: "--memory-low", value: "SIZE", help: "what is left to it" },
      { name: "--swap", value: "SIZE", help: "memory that may be swapped out, 0 for none" },
      { name: "--pids", value: "NUMBER", help: "processes and threads" },
      FILE_OPTION,
    ],
    files: false,
    text: [
      "The values are written as in the YAML, read back, and taken back when one of them can't be held. The spec is not changed: " +
      "diff shows what differs from it, and the next up makes it so again.",
    ],
    examples: ["containerv update web --memory 512MiB --cpu 2"],
  },
  {
    name: "kill",
    usage: "NAME…",
    summary: "send a signal to the first process of containers",
    options: [{
      name: "--signal",
      short: "-s",
      value: "SIGNAL",
      help: "its name or number; default: SIGKILL",
    }, FILE_OPTION],
    files: false,
    text: [],
    examples: ["containerv kill -s HUP web"],
  },
  {
    name: "pause",
    usage: "NAME…",
    summary: "stop every process of containers until resume",
    options: [FILE_OPTION],
    files: false,
    text: [
      "By the kernel's freezer: nothing in the container can see it or undo it. It needs a cgroup: a container has one when " +
      "it has a limit. stop lets a paused one go on first, kill ends it as it is (signals other than SIGKILL are taken after " +
      "resume), exec is refused, health checks wait.",
    ],
    examples: ["containerv pause db"],
  },
  {
    name: "resume",
    usage: "NAME…",
    summary: "let paused containers go on",
    options: [FILE_OPTION],
    files: false,
    text: [],
    examples: ["containerv resume db"],
  },
  {
    name: "wait",
    usage: "NAME…",
    summary: "wait until containers have ended",
    options: [FILE_OPTION],
    files: false,
    text: ["Exits with the status of the last one: 128+n when signal n ended it."],
    examples: ["containerv wait migrate"],
  },
  {
    name: "attach",
    usage: "NAME",
    summary: "see what a container writes, and type for it",
    options: [FILE_OPTION],
    files: false,
    text: [
      "What it writes from now on comes here. What is typed goes to a container with `tty: true` or `stdin: true`; with a terminal " +
      "every key does, and `^P ^Q` leaves it running. Exits as the container ends; 0 when it was left.",
    ],
    examples: ["containerv attach shell"],
  },
  {
    name: "rm",
    usage: "NAME…",
    summary: "remove containers that have ended, and their output",
    options: [{ name: "--force", help: "end them first, by SIGKILL" }, FILE_OPTION],
    files: false,
    text: [],
    examples: ["containerv rm migrate"],
  },
  {
    name: "rename",
    usage: "NAME NEW",
    summary: "give a container another name",
    options: [FILE_OPTION],
    files: false,
    text: [
      "Also while it runs. Where the spec has the new name, up finds nothing changed; where it has the old one, up removes the one and " +
      "starts the other. Its groups and its host name keep the old name until it is started again.",
    ],
    examples: ["containerv rename web web-old"],
  },
  {
    name: "gc",
    usage: "[OPTIONS]",
    summary: "undo what a kill -9 left, remove layers that nobody wants",
    options: [
      { name: "--layers", help: "also layers whose archive or image is still there to unpack" },
      { name: "--dry-run", short: "-n", help: "change nothing, say what would be removed" },
    ],
    files: false,
    text: [
      "Starts that were not finished, records of an earlier boot, groups that nobody is in. What runs is left alone; what has lost its keeper gets another.",
      "A project that another command changes at the moment is that one's: it is waited for two seconds at most, then passed over and named; the status is 0.",
      "Layers of archives and images are kept as long as a container has them, or the archive or image is as it was when it was unpacked.",
      "Of what was remembered of specs only those that are still there are kept.",
    ],
    examples: ["containerv gc", "containerv gc --dry-run --layers"],
  },
  {
    name: "unit",
    usage: "[FILE]",
    summary: "print a unit of systemd that brings a project up after a reboot",
    options: [
      { name: "--install", help: "write it to where systemd looks for it" },
      PROFILE_OPTION,
      OVER_OPTION,
    ],
    files: true,
    text: [
      "It runs up in the foreground, which says when all is up and when it stops (sd_notify: READY, STOPPING, and WATCHDOG where the unit " +
      "asks for it). For root a unit of the system, for others one of theirs. It has no values of variables: those come from .env.",
      "docs/serve.md has the units of serve.",
    ],
    examples: ["containerv unit --install shop.yaml"],
  },
  {
    name: "serve",
    usage: "[--socket PATH]",
    summary: "answer the other commands by HTTP over a unix socket",
    options: [
      {
        name: "--socket",
        value: "PATH",
        help: "where it listens; default: serve.sock beside the records of projects",
      },
    ],
    files: false,
    text: [
      "Nothing needs it, and it keeps nothing: containers that are started through it live on as with up -d. Only root and its own user " +
      "are answered, and nobody from inside a container. It runs until SIGTERM or ^C; a socket of systemd is taken (LISTEN_FDS), and READY " +
      "is said.",
      "docs/serve.md has every request; GET /v1/openapi.json describes them. The first one to try: curl --unix-socket " +
      "/run/containerv/serve.sock http://localhost/v1/containers",
    ],
    examples: ["containerv serve", "containerv serve --socket /run/my.sock"],
  },
  {
    name: "exec",
    usage: "[OPTIONS] NAME -- CMD…",
    summary: "run a command in a container that runs",
    options: [
      { name: "--workdir", short: "-w", value: "DIR", help: "its working directory" },
      {
        name: "--env",
        short: "-e",
        value: "NAME=VALUE",
        help: "added to its environment",
        many: true,
      },
      { name: "--user", short: "-u", value: "USER", help: "its user, as `user:` of the YAML" },
      { name: "--interactive", short: "-i", help: "it reads our standard input" },
      {
        name: "--tty",
        short: "-t",
        help: "a terminal of its own, shown on ours, with our input",
      },
      FILE_OPTION,
    ],
    files: false,
    text: [
      "The command is in the container's namespaces and groups, has its environment, user and directory, and no right more. " +
      "The exit status is its own: 128+n when signal n ended it, 126 when it cannot be executed, 127 when it is not found, " +
      "125 when containerv itself failed.",
    ],
    examples: ["containerv exec web -- ls -l /", "containerv exec -it -u 1000 web -- sh"],
  },
  {
    name: "cp",
    usage: "NAME:PATH PATH | PATH NAME:PATH | - NAME:DIR | NAME:PATH -",
    summary: "copy files into a container that runs, or out of it",
    options: [JSON_OPTION, FILE_OPTION],
    files: true,
    text: [
      "Files and trees, with modes, times, links, extended attributes and, as root, owners; setuid bits do not come out. A " +
      "path that ends in `/` or is a directory is where the copy goes into. Missing directories are made.",
      "`-` is a tar archive: on standard input (plain, gzip or zstd) it is checked whole and then unpacked into DIR, on standard " +
      "output it is written. --json then says its digest, for an archive that goes out on standard error.",
    ],
    examples: [
      "containerv cp ./site web:/usr/share/nginx/html",
      "containerv cp web:/var/log/app.log .",
      "containerv cp web:/srv - | tar -tv",
    ],
  },
  {
    name: "stats",
    usage: "[NAME…]",
    summary: "show what containers use: live on a terminal, else once",
    options: [JSON_OPTION, FILE_OPTION, ALL_OPTION],
    files: false,
    text: ["CPU is that of the last second: 100 % is one processor."],
    examples: ["containerv stats", "containerv stats --json web"],
  },
  {
    name: "top",
    usage: "NAME",
    summary: "show the processes of a container",
    options: [JSON_OPTION, FILE_OPTION],
    files: false,
    text: ["PID is the number in the container, HOST that on the machine."],
    examples: ["containerv top web"],
  },
  {
    name: "plan",
    usage: "[FILE | -] [-- CMD…]",
    summary: "show what run or up would do, and do nothing",
    options: [
      JSON_OPTION,
      { name: "--calls", help: "every system call of every operation" },
      { name: "--exit-code", help: "exit 3 when something would change" },
      {
        name: "--diff",
        value: "RUNTIME",
        help: "the same for crun or runc: its config.json, and what has no word there",
      },
      {
        name: "--oci",
        help: "only that config.json; what has no word there goes to standard error",
      },
      REPRODUCIBLE_OPTION,
      HOST_OPTION,
      PROFILE_OPTION,
      OVER_OPTION,
      SET_OPTION,
    ],
    files: true,
    text: [
      "Of a project that is up, or that only up can start: which container is changed while it runs, which is replaced, started or " +
      "removed, and which keys are why. `diff` says the same without the operations.",
      "Each line is one operation, as strace would print it, followed by the line of the YAML that asked for it, or " +
      "`default`. Needs no root and touches nothing; run does exactly this.",
    ],
    examples: [
      "containerv plan web.yaml",
      "containerv plan --json web.yaml | jq .ops",
      "containerv plan --diff crun web.yaml",
    ],
  },
  {
    name: "repro",
    usage: "[FILE | -] [-- CMD…]",
    summary: "run a container twice and say whether it made the same",
    options: [JSON_OPTION, OVER_OPTION, SET_OPTION],
    files: true,
    text: [
      "Both runs are those of `run --reproducible`, in different seconds of the clock. What `outputs:` names is copied to a scratch " +
      "directory and compared: kinds, modes, targets of links, bytes. The first difference is said by path, byte and line.",
      "Exits 0 when the two are the same, 1 when they differ, 125 when a run failed.",
    ],
    examples: ["containerv repro build.yaml"],
  },
  {
    name: "inspect",
    usage: "NAME | PID | FILE",
    summary: "show the isolation that a container really has",
    options: [JSON_OPTION],
    files: true,
    text: [
      "Reads everything back from the kernel: namespaces and which of them are the host's, groups and their values, " +
      "mounts, ids and maps, capabilities, no_new_privs, seccomp, limits, open files. Changes nothing.",
      "A container is named as it was started, by the pid of one of its processes, or by its spec.",
    ],
    examples: ["containerv inspect web", "containerv inspect --json web.yaml"],
  },
  {
    name: "validate",
    usage: "[FILE | -]",
    summary: "check a spec; exit 0 good, 2 bad",
    options: [JSON_OPTION, OVER_OPTION, SET_OPTION],
    files: true,
    text: ["Prints all errors at once, each with its place, the reason and the fix."],
    examples: ["containerv validate web.yaml"],
  },
  {
    name: "schema",
    usage: "",
    summary: "print the JSON Schema of the YAML, for editors",
    options: [],
    files: false,
    text: [
      "Save it and point your editor to it: `# yaml-language-server: $schema=./containerv.schema.json`.",
    ],
    examples: ["containerv schema > containerv.schema.json"],
  },
  {
    name: "doctor",
    usage: "",
    summary: "say what this machine and this user can have",
    options: [JSON_OPTION],
    files: false,
    text: [
      "Tries each feature rather than guessing by version, and names what would give the missing ones.",
    ],
    examples: ["containerv doctor"],
  },
  {
    name: "version",
    usage: "",
    summary: "print the version",
    options: [{ name: "--licenses", help: "licence notices of what is inside" }, JSON_OPTION],
    files: false,
    text: [],
    examples: [],
  },
  {
    name: "completions",
    usage: "bash | zsh | fish",
    summary: "print completions for a shell",
    options: [],
    files: false,
    text: [],
    examples: ["containerv completions bash > /etc/bash_completion.d/containerv"],
  },
  {
    name: "help",
    usage: "[COMMAND]",
    summary: "show this, or the help of a command",
    options: [],
    files: false,
    text: [],
    examples: [],
  },
];

/** The row of a command, if there is one. */
export function commandRow(name: string): CommandRow | undefined {
  // No `find`: the engine compiles its own at the first use, and every start comes here.
  for (const row of COMMANDS) if (row.name === name) return row;
  return undefined;
}
