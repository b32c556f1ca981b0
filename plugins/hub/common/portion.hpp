// What was taken from something limited.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace jetpack::hub {

// An amount that an owner holds of a Giver, which outlives it. Given back when it is destroyed,
// unless it is kept.
template <class Giver>
class Portion {
 public:
  Portion(Giver& giver, std::string owner, uint64_t amount)
      : giver_(&giver), owner_(std::move(owner)), amount_(amount) {}
  Portion(Portion&& other) noexcept
      : giver_(std::exchange(other.giver_, nullptr)),
        owner_(std::move(other.owner_)),
        amount_(other.amount_) {}
  Portion& operator=(Portion&& other) noexcept {
    std::swap(giver_, other.giver_);
    std::swap(owner_, other.owner_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  ~Portion() {
    if (giver_ != nullptr) giver_->give_back(owner_, amount_);
  }

  const std::string& owner() const { return owner_; }
  void keep() { giver_ = nullptr; }

 private:
  Giver* giver_;
  std::string owner_;
  uint64_t amount_;
};

}  // namespace jetpack::hub
