// Asks for the first state while the other files are still on their way: one answer, compressed.

export const CHANNELS = "state,pnl,positions,signals,orders,fills,market,metrics";

// Null where there is none yet: the stream then begins with its own snapshots, or says who may not look.
export const first = fetch(`/api/v1/snapshot?channels=${CHANNELS}`, { credentials: "same-origin", cache: "no-store" })
  .then((answer) => (answer.ok ? answer.json() : null))
  .then((found) => (found?.caught_up && found.session ? found : null))
  .catch(() => null);
