// Where the locker's description comes from.
#include "services/storage/locker_source.hpp"

#include <sys/stat.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::storage {

namespace {

constexpr uint64_t most_description = 64 << 10;
constexpr unsigned description_mode = 0640;
// A credential that ends sooner than this is as good as ended: a request must have time.
constexpr std::chrono::seconds renewal_margin{120};
// How long to go on with an old one when no new one is available.
constexpr std::chrono::seconds renewal_pause{60};

}  // namespace

LockerSource::Known LockerSource::current() {
  const std::lock_guard lock(mutex_);
  if (!known_) known_ = load();
  const auto now = std::chrono::steady_clock::now();
  const bool is_ending =
      known_->expires && *known_->expires < std::chrono::system_clock::now() + renewal_margin;
  if (!is_ending || now < next_renewal_) return known_;
  next_renewal_ = now + renewal_pause;
  const Known old = known_;
  const auto renewal = renew_locked(old);
  // The old one may still do: the two clocks may differ.
  if (!renewal.description)
    options_.warn("the access to the locker " + known_->address +
                  " expires or has expired, and no new one is available: " + renewal.why);
  return known_;
}

LockerSource::Renewal LockerSource::renew(const Known& refused) {
  const std::lock_guard lock(mutex_);
  return renew_locked(refused);
}

LockerSource::Known LockerSource::load() {
  if (const auto text = support::read_file(options_.file, most_description))
    return std::make_shared<const Description>(parse_description(*text, options_.file));
  try {
    return from_server([](const Description&) {});
  } catch (const Error& e) {
    throw Error(
        e.code() == Errc::corrupt || e.code() == Errc::unavailable ? e.code() : Errc::not_found,
        "no locker is configured: not found: " + options_.file +
            ", and the server did not describe one: " + e.what() + "; write " + options_.file +
            ", or have the server hand one out");
  }
}

// The server's description, which `check` judges before it is kept.
LockerSource::Known LockerSource::from_server(const Check& check) {
  const std::string json = options_.ask();
  Description description =
      parse_description(json, "the server's answer to GET /clusterlink/locker");
  description.from_server = true;
  check(description);
  store(json);
  return std::make_shared<const Description>(std::move(description));
}

// In the file, for the next process, where it may be written. A description lives on in memory
// alone otherwise.
void LockerSource::store(const std::string& json) const {
  support::Json document = support::Json::parse(json, "the server's answer");
  auto& root = document.document();
  root.RemoveMember("from_server");
  root.AddMember("from_server", true, root.GetAllocator());
  try {
    // A file that was there keeps its mode, which may let everybody read what is secret.
    struct stat info {};
    if (::stat(options_.file.c_str(), &info) == 0 && (info.st_mode & 07) != 0)
      ::chmod(options_.file.c_str(), info.st_mode & 0770);
    support::write_durably(options_.file, support::to_json(root) + '\n', description_mode);
  } catch (const Error&) {
    // Not everybody who may use the locker may write the configuration.
  }
}

// nullptr when the file says nothing new.
LockerSource::Known LockerSource::read_file_again(const Description& refused) const {
  const auto text = support::read_file(options_.file, most_description);
  if (!text) return nullptr;
  auto description = std::make_shared<const Description>(parse_description(*text, options_.file));
  return description->opens_alike(refused) ? nullptr : description;
}

LockerSource::Renewal LockerSource::renew_locked(const Known& refused) {
  if (known_ && !known_->opens_alike(*refused)) return {known_, {}};
  const auto check = [&](const Description& offered) {
    // What a person has written is not replaced by another locker.
    if (!refused->from_server && offered.address != refused->address)
      throw Error(Errc::failed, "the server has another locker, " + offered.address);
    if (offered.opens_alike(*refused))
      throw Error(Errc::failed, "the server hands out the same again");
  };
  try {
    known_ = read_file_again(*refused);
    if (!known_) known_ = from_server(check);
    return {known_, {}};
  } catch (const Error& e) {
    known_ = refused;
    return {nullptr, e.what()};
  }
}

}  // namespace jetpack::storage
