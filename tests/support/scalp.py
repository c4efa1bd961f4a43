"""A strategy that sends orders of every style; tests give it by its path."""

from penstock_strategy import (
    Bar,
    Intents,
    Needs,
    NoState,
    Parameters,
    Strategy,
    TimeInForce,
    limit,
    market,
    stop,
)


class Scalp(Strategy[Parameters, NoState]):
    """In turn a bracket at market, a limit with a trailing stop, and a stop that expires."""

    def declare(self) -> Needs:
        return Needs(bars=self.bars())

    def on_bar(self, bar: Bar) -> Intents:
        number, price = bar.ts // self.interval, bar.close
        if self.position(bar.instrument):
            return self.flat(bar.instrument) if number % 5 == 0 else None
        sign = 1 if number % 2 else -1
        style = (
            market(stop_loss=price * (1 - sign * 5e-4), take_profit=price * (1 + sign * 3e-4)),
            limit(price * (1 - sign * 2e-4), trail=price * 1e-3),
            stop(price * (1 + sign * 1e-4), time_in_force=TimeInForce.GTD, expire_at=bar.ts + self.interval),
        )[number % 3]
        return (self.long if sign > 0 else self.short)(bar.instrument, fraction=0.2, style=style)
