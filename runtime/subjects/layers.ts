/** `tar` and `image` layers → directories of the store, and what an image says of running it → defaults that the spec overrides. */
import { SIGNALS } from "../../ffi/abi/signal.ts";
import type {
  DesiredCommand,
  DesiredContainer,
  DesiredLayer,
  DesiredUser,
} from "../../spec/model/desired.ts";
import { normalisePath } from "../../spec/model/context.ts";
import { HostError } from "../plan/host_error.ts";
import type { ImageConfig, ResolvedLayer } from "../plan/host.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Loss, Plan } from "../plan/plan.ts";

type Resolved = Readonly<Record<string, ResolvedLayer>>;
type StoredLayer = Extract<DesiredLayer, { kind: "tar" | "image" }>;

const isStored = (layer: DesiredLayer): layer is StoredLayer =>
  layer.kind === "tar" || layer.kind === "image";

/** True: something must be looked up, and perhaps unpacked, before a plan can be made. */
export function hasStoredLayers(container: DesiredContainer): boolean {
  return container.rootfs.layers.some(isStored);
}

/** The container with its layers as directories and the image's words in it. Throws HostError. */
export function settleLayers(
  container: DesiredContainer,
  resolved: Resolved | undefined,
): DesiredContainer {
  if (!hasStoredLayers(container)) return container;
  const layers = container.rootfs.layers.flatMap((layer) => {
    if (!isStored(layer)) return [layer];
    const known = resolved?.[layer.origin];
    if (known === undefined) throw new Error(`the layer of ${layer.origin} was not looked up`);
    return directories(layer, known);
  });
  const settled = { ...container, rootfs: { ...container.rootfs, layers } };
  const image = effectiveImage(container, resolved);
  return image === undefined ? settled : withImage(settled, image);
}

function directories(layer: StoredLayer, { roots }: ResolvedLayer): readonly DesiredLayer[] {
  const { at, origin } = layer;
  if (at !== "/" && (roots.length !== 1 || roots[0]?.whiteouts === true)) {
    throw new HostError("LAYER_NOT_AT", {
      origin,
      message: roots.length === 1
        ? "the archive hides names of layers below it, and at another place there are none"
        : `the image has ${roots.length} layers, and a place of its own takes one`,
      fix: "leave `at:` out: at / it is a layer over the others",
    });
  }
  return roots.map(({ path }) => ({ kind: "dir", dir: path, at, origin }));
}

interface EffectiveImage {
  readonly config: ImageConfig;
  readonly origin: string;
}

/** The topmost image at `/`. */
function effectiveImage(
  { rootfs }: DesiredContainer,
  resolved: Resolved | undefined,
): EffectiveImage | undefined {
  const found = rootfs.layers.filter((layer) => layer.kind === "image" && layer.at === "/")
    .flatMap(({ origin }) => {
      const config = resolved?.[origin]?.image;
      return config === undefined ? [] : [{ config, origin: `${origin}/image` }];
    });
  return found[found.length - 1];
}

/** What the plan tells of the image. */
export function imageOf(
  container: DesiredContainer,
  resolved: Resolved | undefined,
): Pick<Plan, "image"> {
  const image = effectiveImage(container, resolved)?.config;
  if (image === undefined) return {};
  const { name, digest, labels } = image;
  return { image: { name, digest, labels } };
}

/** What must be unpacked first. */
export function unpackOps(resolved: Resolved | undefined): readonly Op[] {
  return Object.entries(resolved ?? {}).flatMap(([origin, { roots }]) =>
    roots.flatMap(({ diffId, archive }, index): readonly Op[] =>
      archive === undefined ? [] : [{
        kind: "unpack",
        id: `unpack${origin}/${index}`,
        where: "stage",
        origin,
        archive,
        diffId,
      }]
    )
  );
}

/** Layers of the store may be collected when nobody has them: the stage holds each of its own. */
export function holdOps(resolved: Resolved | undefined): readonly Op[] {
  const known = new Set<string>();
  return Object.entries(resolved ?? {}).flatMap(([origin, { roots }]) =>
    roots.flatMap(({ path: root }): readonly Op[] => {
      const path = root.replace(/\/fs$/, "");
      if (known.has(path)) return [];
      known.add(path);
      return [{ kind: "layer.hold", id: `hold${path}`, where: "stage", origin, path }];
    })
  );
}

/** What could not be kept of an archive. */
export function layerLosses(resolved: Resolved | undefined): readonly Loss[] {
  return Object.entries(resolved ?? {}).flatMap(([origin, { roots }]) => {
    const sums = new Map<string, number>();
    for (const { notes = {} } of roots) {
      for (const [what, count] of Object.entries(notes)) {
        sums.set(what, (sums.get(what) ?? 0) + count);
      }
    }
    return [...sums].map(([what, count]) => ({
      code: "LAYER_INCOMPLETE",
      origin,
      message: `the layer is without ${what}: ${count} ${count === 1 ? "entry" : "entries"}`,
    }));
  });
}

function withImage(container: DesiredContainer, image: EffectiveImage): DesiredContainer {
  const { config, origin } = image;
  const { origins } = container;
  const said = (key: string): boolean => origins[key] !== undefined;
  const added: Record<string, string> = {};
  const byImage = (key: string): void => void (added[key] = origin);
  const user = said("user") ? container.user : (byImage("user"), userOf(config, origin));
  const workdir = said("workdir") || config.workdir === ""
    ? container.workdir
    : (byImage("workdir"), normalisePath(`/${config.workdir}`));
  const signal = said("stop/signal") ? undefined : stopSignalOf(config, origin);
  return {
    ...container,
    commands: commandsOf(container, image),
    environment: { ...config.environment, ...container.environment },
    user,
    workdir,
    stop: signal === undefined ? container.stop : { ...container.stop, signal },
    origins: { ...added, ...origins },
  };
}

function commandsOf(
  container: DesiredContainer,
  { config, origin }: EffectiveImage,
): readonly DesiredCommand[] {
  const { entrypoint, cmd, name } = config;
  if (container.commands.length === 0) {
    const exec = [...entrypoint, ...cmd];
    // Nobody says what to run: it waits for somebody who does.
    if (exec.length === 0) return [];
    return [{ exec, shell: false, once: false, origin }];
  }
  return container.commands.map((command) => {
    if (command.entrypoint !== true) return command;
    if (entrypoint.length > 0) return { ...command, exec: [...entrypoint, ...command.exec] };
    throw new HostError("IMAGE_WITHOUT_COMMAND", {
      origin: command.origin,
      message: `the image ${name} has no entrypoint that could take arguments`,
      fix: "name the program: exec: [PROGRAM, ARGUMENT]",
    });
  });
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/;
const NUMBER = /^(0|[1-9][0-9]{0,9})$/;
const ID_MAX = 0xfffffffe;

/** `user[:group]`, each a name or a number. */
function userOf({ user, name }: ImageConfig, origin: string): DesiredUser {
  if (user === "") return { user: 0 };
  const [who = "", group, ...rest] = user.split(":");
  const part = (text: string): number | string | undefined => {
    if (NUMBER.test(text)) return Number(text) <= ID_MAX ? Number(text) : undefined;
    return NAME.test(text) ? text : undefined;
  };
  const first = part(who);
  const second = group === undefined || group === "" ? undefined : part(group);
  if (first === undefined || rest.length > 0 || (group !== undefined && second === undefined)) {
    throw new HostError("NO_SUCH_USER", {
      origin,
      message: `the image ${name} names a user that is none: "${user.slice(0, 40)}"`,
      fix: 'say it: user: "1000:1000"',
    });
  }
  // A number without a group is looked up too: passwd has its group.
  return { user: first, ...(second === undefined ? {} : { group: second }) };
}

function stopSignalOf({ stopSignal, name }: ImageConfig, origin: string): string | undefined {
  if (stopSignal === undefined) return undefined;
  const upper = stopSignal.toUpperCase();
  const signals = Object.entries(SIGNALS);
  const known = signals.find(([key, number]) =>
    key === upper || key === `SIG${upper}` || `${number}` === stopSignal
  );
  if (known !== undefined) return known[0];
  throw new HostError("NO_SUCH_SIGNAL", {
    origin,
    message: `the image ${name} is stopped by "${
      stopSignal.slice(0, 40)
    }", which is no signal here`,
    fix: "say it: stop: {signal: SIGTERM}",
  });
}
