import type { DesiredIo } from "../../../spec/model/desired.ts";
import { HostError } from "../../plan/host_error.ts";
import { knobs, type KnobWrite, type Limit, line, type Machine, showBytes } from "./knob.ts";

/** Rates of v2 stand in one line per disk, those of v1 in a file each: our key, word of v2, file of v1. */
const RATES = [
  ["readBytes", "rbps", "blkio.throttle.read_bps_device"],
  ["writeBytes", "wbps", "blkio.throttle.write_bps_device"],
  ["readOperations", "riops", "blkio.throttle.read_iops_device"],
  ["writeOperations", "wiops", "blkio.throttle.write_iops_device"],
] as const;

/** Bytes and operations per second and disk, and the share of it where others want it too. */
export const io: Limit = {
  key: "io",
  controller: "io",
  v1Controller: "blkio",
  asked: ({ io = [] }) => io.length > 0,
  v2: ({ io = [] }, machine) =>
    io.flatMap((entry) => {
      const disk = diskOf(entry, machine);
      return knobs(
        RATES.some(([key]) => entry[key] !== undefined)
          ? line(
            "io.max",
            `${disk} ${words(entry).join(" ")}`,
            `${disk} ${RATES.map(([key, word]) => `${word}=${entry[key] ?? "max"}`).join(" ")}`,
          )
          : undefined,
        ...weightOfV2(entry, disk),
      );
    }),
  v1: ({ io = [] }, machine) =>
    io.flatMap((entry) => {
      const disk = diskOf(entry, machine);
      return knobs(
        ...RATES.map(([key, , file]) =>
          entry[key] === undefined ? undefined : line(file, `${disk} ${entry[key]}`)
        ),
        weightOfV1(entry, disk),
      );
    }),
  text: ({ io = [] }) =>
    `io ${
      io.map((entry) => [entry.device ?? entry.path ?? [], shown(entry)].flat().join(" ")).join(
        ", ",
      )
    }`,
};

const words = (entry: DesiredIo): readonly string[] =>
  RATES.flatMap(([key, word]) => entry[key] === undefined ? [] : [`${word}=${entry[key]}`]);

/** BFQ and io.cost have a file each, of one unit; a kernel may have either or both, and whichever schedules counts. */
function weightOfV2({ weight }: DesiredIo, disk: string | undefined): readonly KnobWrite[] {
  if (weight === undefined) return [];
  const text = `${disk ?? "default"} ${weight}`;
  const bfq = line("io.bfq.weight", text);
  const cost = line("io.weight", text);
  return [{ ...bfq, instead: cost }, { ...cost, instead: bfq }];
}

function weightOfV1({ weight }: DesiredIo, disk: string | undefined): KnobWrite | undefined {
  if (weight === undefined) return undefined;
  return disk === undefined
    ? line("blkio.bfq.weight", `${weight}`)
    : line("blkio.bfq.weight_device", `${disk} ${weight}`);
}

/** `8:0`; `undefined` for all disks. */
function diskOf(entry: DesiredIo, { answers }: Machine): string | undefined {
  const path = entry.device ?? entry.path;
  if (path === undefined) return undefined;
  const answer = answers.disks?.[path];
  if (answer !== undefined && "major" in answer) return `${answer.major}:${answer.minor}`;
  throw new HostError("NO_DISK", {
    origin: entry.origin,
    message: `cannot limit io: ${answer?.why ?? `nobody looked which disk ${path} is`}`,
    fix: "name a whole disk, as /dev/sda, or a path on one: lsblk shows them",
  });
}

function shown(entry: DesiredIo): string {
  const rates = RATES.flatMap(([key, word]) => {
    const value = entry[key];
    if (value === undefined) return [];
    return [`${word} ${key.endsWith("Bytes") ? showBytes(value) : value}`];
  });
  return [...rates, ...(entry.weight === undefined ? [] : [`weight ${entry.weight}`])].join(" ");
}
