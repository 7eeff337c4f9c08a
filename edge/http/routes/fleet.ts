import type { Endpoint } from "../endpoint.ts";
import { listBreakersRoute } from "./fleet-breakers.ts";
import { revokeProbeRoute, rotateProbeRoute } from "./fleet-credentials.ts";
import { enrollProbeRoute } from "./fleet-enroll.ts";
import { listHubsRoute } from "./fleet-hubs.ts";
import { createJoinTokenRoute } from "./fleet-join-tokens.ts";
import { listProbesRoute } from "./fleet-probes.ts";
import { probeSelfRoute } from "./fleet-self.ts";
import { quarantineSelfRoute } from "./fleet-self-quarantine.ts";
import { drainProbeRoute, quarantineProbeRoute, releaseProbeRoute } from "./fleet-service.ts";

/** The fleet's side of the API: what probes call themselves, and what operators see and command. */
export const FLEET_ROUTES: readonly Endpoint[] = [
  enrollProbeRoute,
  probeSelfRoute,
  quarantineSelfRoute,
  createJoinTokenRoute,
  listProbesRoute,
  listHubsRoute,
  listBreakersRoute,
  drainProbeRoute,
  quarantineProbeRoute,
  releaseProbeRoute,
  rotateProbeRoute,
  revokeProbeRoute,
];
