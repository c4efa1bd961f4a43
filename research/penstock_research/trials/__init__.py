"""Many runs over shared data: sweeps, walk-forward, and what may be believed of the best of them."""
