/** Every kind of operation there is. A new kind = its file and its two lines here. */
import type { OpDefinition } from "../op.ts";
import * as attributes from "./attributes.ts";
import * as cgroup from "./cgroup.ts";
import * as counters from "./counters.ts";
import * as deviceRules from "./device_rules.ts";
import * as file from "./file.ts";
import * as hold from "./hold.ts";
import * as files from "./files.ts";
import * as idle from "./idle.ts";
import * as init from "./init.ts";
import * as join from "./join.ts";
import * as setns from "./setns.ts";
import * as mapLayer from "./map_layer.ts";
import * as mount from "./mount.ts";
import * as overlay from "./overlay.ts";
import * as pivot from "./pivot.ts";
import * as secret from "./secret.ts";
import * as shield from "./shield.ts";
import * as userns from "./userns.ts";
import * as namespace from "./namespace.ts";
import * as prepare from "./prepare.ts";
import * as process from "./process.ts";
import * as supervise from "./supervise.ts";
import * as terminal from "./terminal.ts";
import * as unpack from "./unpack.ts";
import * as upper from "./upper.ts";
import * as volume from "./volume.ts";

export type Op =
  | cgroup.MakeGroup
  | cgroup.RemoveGroup
  | cgroup.WriteKnob
  | cgroup.OpenGroup
  | cgroup.MakeRoom
  | cgroup.JoinGroup
  | deviceRules.DeviceProgram
  | counters.ReadCounters
  | file.MakeDirectory
  | file.WriteNewFile
  | file.MakeSymlink
  | file.MakeDevice
  | mount.MakePrivate
  | mount.NewFilesystem
  | mount.Bind
  | overlay.Overlay
  | mount.ReadOnly
  | shield.Shield
  | pivot.Pivot
  | namespace.CloneOp
  | idle.Idle
  | init.ExecuteInit
  | join.JoinClone
  | join.JoinNamespaces
  | join.JoinEnter
  | join.JoinLeave
  | join.JoinAdopt
  | namespace.Tether
  | namespace.NewKeyring
  | namespace.Retether
  | namespace.Untether
  | namespace.MapIds
  | setns.OpenNamespace
  | setns.JoinNamespace
  | setns.ShiftClocks
  | userns.ClaimIds
  | userns.AskIdMap
  | userns.PassGate
  | namespace.UnshareCgroup
  | namespace.Hostname
  | namespace.LoopbackUp
  | attributes.SetRlimit
  | attributes.SetOomScore
  | attributes.SetIoPriority
  | attributes.SetScheduler
  | attributes.SetAffinity
  | attributes.SetPersonality
  | attributes.SetSysctl
  | process.NewSession
  | process.Bound
  | process.Identity
  | process.Workdir
  | process.Execute
  | unpack.Unpack
  | hold.HoldLayer
  | mapLayer.MapLayer
  | upper.KeepUpper
  | prepare.Prepare
  | volume.KeepVolume
  | volume.OpenVolume
  | volume.NewVolume
  | volume.AttachVolume
  | secret.SecretRoom
  | secret.Secret
  | prepare.NoInput
  | files.HandRoot
  | files.Input
  | files.Output
  | terminal.PairTerminal
  | terminal.RawTerminal
  | terminal.RestoreTerminal
  | terminal.MakeTerminal
  | supervise.Watch
  | supervise.EndContainer
  | supervise.RunCommand;

export type OpKind = Op["kind"];

export const OPS = {
  "cgroup.make": cgroup.makeGroup,
  "cgroup.remove": cgroup.removeGroup,
  "cgroup.write": cgroup.writeKnob,
  "cgroup.open": cgroup.openGroup,
  "cgroup.room": cgroup.makeRoom,
  "cgroup.join": cgroup.joinGroup,
  "cgroup.devices": deviceRules.devices,
  "cgroup.counters": counters.readCounters,
  "directory": file.makeDirectory,
  "file": file.writeNewFile,
  "symlink": file.makeSymlink,
  "device": file.makeDevice,
  "mount.private": mount.makePrivate,
  "mount.new": mount.newMount,
  "mount.bind": mount.bind,
  "mount.overlay": overlay.overlay,
  "mount.readonly": mount.readOnly,
  "mount.shield": shield.shield,
  "pivot": pivot.pivot,
  "clone": namespace.cloneOp,
  "idle": idle.idle,
  "init.execute": init.executeInit,
  "join.clone": join.joinClone,
  "join.namespaces": join.joinNamespaces,
  "join.enter": join.joinEnter,
  "join.leave": join.joinLeave,
  "join.adopt": join.joinAdopt,
  "tether": namespace.tether,
  "keyring": namespace.newKeyring,
  "retether": namespace.retether,
  "untether": namespace.untether,
  "idmap": namespace.mapIds,
  "namespace.open": setns.openNamespace,
  "namespace.join": setns.joinNamespace,
  "time": setns.shiftClocks,
  "ids.claim": userns.claimIds,
  "idmap.ask": userns.askIdMap,
  "idmap.gate": userns.passGate,
  "unshare.cgroup": namespace.unshareCgroup,
  "hostname": namespace.hostname,
  "loopback": namespace.loopbackUp,
  "rlimit": attributes.rlimit,
  "oom_score": attributes.oomScore,
  "ioprio": attributes.ioPriority,
  "scheduler": attributes.scheduler,
  "affinity": attributes.affinity,
  "personality": attributes.setPersonality,
  "sysctl": attributes.sysctl,
  "session": process.newSession,
  "bound": process.bound,
  "identity": process.identity,
  "workdir": process.workdir,
  "execute": process.execute,
  "unpack": unpack.unpack,
  "layer.hold": hold.holdLayer,
  "layer.map": mapLayer.mapLayer,
  "upper": upper.keepUpper,
  "prepare": prepare.prepare,
  "volume.keep": volume.keepVolume,
  "volume.open": volume.openVolume,
  "volume.new": volume.newVolume,
  "volume.attach": volume.attachVolume,
  "secret.room": secret.secretRoom,
  "secret": secret.secret,
  "stdin": prepare.noInput,
  "root.hand": files.handRoot,
  "input": files.input,
  "output": files.output,
  "terminal.pair": terminal.pairTerminal,
  "terminal.raw": terminal.rawTerminal,
  "terminal.restore": terminal.restoreTerminal,
  "terminal.make": terminal.makeTerminal,
  "watch": supervise.watch,
  "end": supervise.endContainer,
  "command": supervise.runCommand,
} as const satisfies { readonly [K in OpKind]: OpDefinition<Extract<Op, { kind: K }>> };

/** The definition of an operation's kind. */
export function definition(op: Op): OpDefinition<Op> {
  // Sound: the key of the table is the kind of the operation.
  return OPS[op.kind] as unknown as OpDefinition<Op>;
}
