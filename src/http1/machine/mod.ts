/**
 * The sans-IO machines and what they are made of.
 *
 * @module
 */

export {
  type ClientEvent,
  ClientMachine,
  type ClientMachineOptions,
  type OutgoingRequestHead,
} from "./client_machine.ts";
export { ProtocolError, type ProtocolErrorCode } from "../../errors/protocol_error.ts";
export { StateError, type StateErrorCode } from "../../errors/state_error.ts";
export { type Field, Fields, type FieldsInit } from "../../semantics/fields.ts";
export { type BodyFraming, isPersistent, requestFraming, responseFraming } from "./framing.ts";
export { Http1Machine, type Http1MachineOptions } from "./http1_machine.ts";
export { DEFAULT_LIMITS, type Http1Limits, HYPER_LENIENCY, type Leniency } from "./limits.ts";
export type { RequestHead, ResponseHead, Version } from "../../semantics/message.ts";
export {
  type RequestEvent,
  type ResponseOutcome,
  type ServerEvent,
  ServerMachine,
  type ServerMachineOptions,
  type SwitchPlan,
} from "./server_machine.ts";
export { type BodySize } from "./send_framing.ts";
export type { NoProposal } from "../../errors/upgrade_rejected.ts";
export { opensTunnel, type Proposal, proposalOf, type SwitchLeniency } from "../../semantics/switching.ts";
export {
  type Authority,
  formatAuthority,
  parseAuthority,
  parseTarget,
  type RequestTarget,
} from "../../semantics/target.ts";
export { type NameCase } from "./write_head.ts";
export type { OutgoingResponseHead } from "./write_response.ts";
