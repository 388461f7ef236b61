"""How the strategy listener is served: one small interface (`methods`), and the engines that carry it."""
