"""The venue process: reads the account through ccxt, tells the gate what the exchange says. The only place for ccxt."""
