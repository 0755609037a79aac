/** What networks and machines will need: nf_tables, tun, kvm. */
import { EINVAL, errnoName } from "../../ffi/abi/errno.ts";
import { O_RDWR } from "../../ffi/abi/fcntl.ts";
import { CLONE_NEWNET } from "../../ffi/abi/sched.ts";
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  NETLINK_NETFILTER,
  SOCK_CLOEXEC,
  SOCK_RAW,
} from "../../ffi/abi/socket.ts";
import type { Word } from "../../ffi/calls/call.ts";
import { recvfrom, sendto, socket } from "../../ffi/calls/socket.ts";
import type { Host } from "../plan/host.ts";
import { type Feature, type FeatureAnswer, tryDevice } from "./features_probe.ts";
import { answerOf, asRoot, type ProbeCall, runProbe } from "./features_program.ts";

// <linux/netlink.h>, <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>
const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const REPLY = { cell: "netlink reply", size: 256 } as const;

/** struct nlmsghdr (16 bytes) and struct nfgenmsg (4): which generation of rules is in force? */
function getGeneration(): Uint8Array {
  const message = new Uint8Array(20);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  view.setUint32(8, 1, true);
  return message;
}

const sock: Word = { result: "socket" };

/** The kernel answers before sendto returns, so nothing waits. */
const ASK: readonly ProbeCall[] = [
  {
    call: socket({
      domain: AF_NETLINK,
      type: SOCK_RAW | SOCK_CLOEXEC,
      protocol: NETLINK_NETFILTER,
    }),
    into: "socket",
  },
  { call: sendto({ sockfd: sock, buf: getGeneration() }) },
  { call: recvfrom({ sockfd: sock, buf: REPLY, len: REPLY.size, flags: MSG_DONTWAIT }) },
];

function probeNft(host: Host): FeatureAnswer {
  const end = runProbe({ flags: asRoot(host, CLONE_NEWNET), calls: ASK, output: REPLY }, host);
  return end.kind === "done" ? readGeneration(end.output) : answerOf(end);
}

/** The kernel's answer to NFT_MSG_GETGEN, as it came from the socket. */
export function readGeneration(reply: Uint8Array): FeatureAnswer {
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  if (reply.length < 20) return { state: "unknown", detail: "the kernel's answer is too short" };
  const type = view.getUint16(4, true);
  if (type === (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) return { state: "yes" };
  if (type !== NLMSG_ERROR) return { state: "unknown", detail: `netlink message of type ${type}` };
  const errno = -view.getInt32(16, true);
  // nfnetlink knows no subsystem of that number.
  if (errno === EINVAL) return { state: "no", detail: "the kernel has no nf_tables" };
  return { state: "no", detail: `NFT_MSG_GETGEN = ${errnoName(errno)}` };
}

/** Rows about networks and machines, which come later; no run depends on them yet. */
export const DEVICE_FEATURES: readonly Feature[] = [
  {
    name: "nf_tables",
    group: "network",
    since: "3.13",
    needs: "CAP_NET_ADMIN in a network namespace; CONFIG_NF_TABLES",
    gives: "published ports and egress rules (later)",
    without: "network: none and host only",
    fix: "sudo modprobe nf_tables",
    required: false,
    probe: probeNft,
  },
  {
    name: "/dev/net/tun",
    group: "network",
    needs: "the device, open for this user",
    gives: "a network for ordinary users by pasta (later)",
    without: "ordinary users have network: none and host only",
    fix: "sudo modprobe tun",
    required: false,
    probe: () =>
      tryDevice("/dev/net/tun", {
        flags: O_RDWR,
        absent: "sudo modprobe tun",
        denied: "sudo chmod 666 /dev/net/tun",
      }),
  },
  {
    name: "/dev/kvm",
    group: "vm",
    needs: "virtualisation of the processor, and the device open for this user",
    gives: "virtual machines at full speed (later)",
    without: "virtual machines are emulated, some twenty times slower",
    fix: "sudo modprobe kvm_intel || sudo modprobe kvm_amd",
    required: false,
    probe: () =>
      tryDevice("/dev/kvm", {
        flags: O_RDWR,
        absent: "sudo modprobe kvm_intel || sudo modprobe kvm_amd",
        denied: "sudo usermod -aG kvm $USER && newgrp kvm",
      }),
  },
];
