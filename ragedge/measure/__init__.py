"""How good it is: ranking and answer metrics with intervals, evaluation, and paired comparison."""
