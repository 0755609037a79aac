import type { DesiredLimits } from "../../../spec/model/desired.ts";
import { type KnobWrite, type Limit, line } from "./knob.ts";

/** Both versions have the same file, a line per device (kernel/cgroup/rdma.c). */
const writes = ({ rdma = {} }: DesiredLimits): readonly KnobWrite[] =>
  Object.entries(rdma).map(([device, { handles, objects }]) =>
    line(
      "rdma.max",
      [
        device,
        ...(handles === undefined ? [] : [`hca_handle=${handles}`]),
        ...(objects === undefined ? [] : [`hca_object=${objects}`]),
      ].join(" "),
      `${device} hca_handle=${handles ?? "max"} hca_object=${objects ?? "max"}`,
    )
  );

/** Handles and objects of RDMA devices. */
export const rdma: Limit = {
  key: "rdma",
  controller: "rdma",
  asked: ({ rdma = {} }) => Object.keys(rdma).length > 0,
  v2: writes,
  v1: writes,
  text: ({ rdma = {} }) => `rdma ${Object.keys(rdma).join(", ")}`,
};
