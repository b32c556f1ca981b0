// jetpack.conditions/1: the conditions of this node, for all plugins.
#pragma once

#include <functional>

#include <jetpack/abi.h>
#include "services/config/home.hpp"

namespace jetpack {

class ConditionsService {
 public:
  // Gives the session, which is started by the first change.
  using FindSession = std::function<const jp_session&()>;

  // `home` must outlive it.
  ConditionsService(const Home& home, FindSession find_session);
  ConditionsService(const ConditionsService&) = delete;  // the table points here
  ConditionsService& operator=(const ConditionsService&) = delete;

  const jp_conditions& table() const { return table_; }

 private:
  void set(const jp_condition& condition, int64_t wait_ms, jp_receipt* receipt,
           const jp_sink& warnings) const;
  void list(const jp_sink& json) const;
  void clear(const std::string& name, int64_t wait_ms, const jp_cleared& cleared,
             const jp_sink& warnings) const;
  void publish(const std::string& data, int64_t wait_ms, jp_receipt* receipt) const;

  const Home& home_;
  FindSession find_session_;
  jp_conditions table_;
};

}  // namespace jetpack
