// What every echo of the benchmark answers: as large as an approval of the gate, and never worked out.
#pragma once

#include "risksvc/v1/strategy.pb.h"

inline void fill(risksvc::v1::ExposureUse* use) {
  use->set_before("1250.05");
  use->set_after("1300.05");
  use->set_limit("1000000000000");
  use->set_headroom("999999998699.95");
}

inline risksvc::v1::CheckOrderResponse answer() {
  risksvc::v1::CheckOrderResponse made;
  made.set_outcome(risksvc::v1::OUTCOME_APPROVED);
  fill(made.mutable_instrument_exposure());
  fill(made.mutable_total_exposure());
  made.set_trading_state(risksvc::v1::TRADING_STATE_ACTIVE);
  made.set_valid_until_ns(1800000000100000000);
  made.set_valid_for_ns(100000000);
  made.set_limits_hash(std::string(64, 'a'));
  made.set_decided_at_ns(1800000000000000000);
  return made;
}
