// Keeps the node's configuration up to date, and its users.
#include "jetpackd/userdata_fetcher.hpp"

#include <set>
#include <utility>

#include <jetpack/error.hpp>
#include <jetpack/messages.hpp>
#include "support/converged.hpp"
#include "support/times.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;

constexpr milliseconds longest_pause{600000};
// Names those who are not set up, as many as a status line can show.
std::string warning_of(const std::set<std::string>& left_out) {
  constexpr size_t most = 20;
  std::string text = "not set up:";
  size_t count = 0;
  for (const auto& who : left_out) {
    if (count++ == most) break;
    text += (count == 1 ? " " : ", ") + who;
  }
  if (left_out.size() > most) text += " and " + std::to_string(left_out.size() - most) + " more";
  return text + "; see logs/jetpackd.log on the node";
}

}  // namespace

UserdataFetcher::UserdataFetcher(const jetpack::Call& call, Accounts& accounts, Board& board,
                                 support::LogFile& log, Options options)
    : config_(call.service<jetpack::Config>()),
      session_(call.service<jetpack::Session>()),
      configuration_(call, log),
      accounts_(accounts),
      board_(board),
      log_(log),
      options_(std::move(options)),
      usual_(options_.interval, options_.interval, options_.seed),
      rejected_(options_.interval, std::max(options_.interval, longest_pause), options_.seed + 1) {}

milliseconds UserdataFetcher::fetch(bool is_last) {
  is_current_ = false;
  if (are_facts_due_) update_facts({}, support::read_machine(log_));
  try {
    return request_userdata(is_last);
  } catch (const Error& e) {
    fail(e.what(), e.code() == Errc::denied || e.code() == Errc::corrupt);
  } catch (const std::exception& e) {
    fail(e.what(), false);
  }
  return usual_.pause();
}

bool UserdataFetcher::update_facts(const support::Metadata& metadata, const std::string& machine) {
  bool is_other = false;
  try {
    is_other = configuration_.update_facts(metadata, machine);
    are_facts_due_ = false;
    facts_failure_.clear();
  } catch (const Error& e) {
    if (std::exchange(facts_failure_, e.what()) != e.what())
      log_.error("cannot update what this node knows of itself: " + facts_failure_);
  }
  board_.note_progress();
  return is_other;
}

void UserdataFetcher::write_node_json() {
  try {
    configuration_.write_node();
  } catch (const Error& e) {
    log_.error("cannot update config/node.json: " + std::string(e.what()));
  }
}

milliseconds UserdataFetcher::request_userdata(bool is_last) {
  const auto next = std::chrono::duration_cast<std::chrono::seconds>(options_.interval);
  const auto fetched = configuration_.fetch(is_last ? std::chrono::seconds{0} : next);
  board_.note_progress();
  if (!fetched.rejection.empty()) return reject(fetched.rejection);
  board_.note_contact();
  if (fetched.userdata) {
    apply(*fetched.userdata);
  } else {
    board_.update([&](State& state) { state.userdata_version = fetched.version; });
    succeed();
  }
  return usual_.pause();
}

milliseconds UserdataFetcher::reject(const std::string& why) {
  fail(why, true);
  return rejected_.pause();
}

// What is beyond the configuration's files: the users.
void UserdataFetcher::apply(const support::Userdata& userdata) {
  options_.applied();
  Accounts::Outcome outcome;
  if (userdata.users) outcome = accounts_.apply(*userdata.users);
  report_installation(userdata, outcome);
  board_.update([&](State& state) { state.userdata_version = userdata.version; });
  if (!outcome.is_complete) {
    // Not recorded as applied, so that it is retried.
    fail("not all users could be set up; see logs/jetpackd.log", true);
    return;
  }
  configuration_.save_as_applied(userdata.version);
  succeed();
}

void UserdataFetcher::report_installation(const support::Userdata& userdata,
                                          const Accounts::Outcome& outcome) {
  // A node with specs is as far as its converge, which reports for itself.
  if (!support::is_converged(config_)) return;
  std::set<std::string> left_out(userdata.left_out.begin(), userdata.left_out.end());
  left_out.insert(outcome.left_out.begin(), outcome.left_out.end());
  const bool is_ok = outcome.is_complete && left_out.empty();
  const std::string warning = is_ok ? "" : warning_of(left_out);
  const Message message =
      installation_message(is_ok ? Installation::ok : Installation::warning, {.message = warning});
  const std::string report = userdata.version + ' ' + message.data;
  if (std::exchange(reported_, report) == report) return;
  session_.publish(message, milliseconds{0});
}

void UserdataFetcher::fail(const std::string& text, bool needs_person) {
  const std::string now = support::iso_8601(std::chrono::system_clock::now());
  bool is_new = false;
  board_.update([&](State& state) {
    is_new = state.userdata_failure.text != text;
    if (is_new) state.userdata_failure = {text, now, needs_person};
  });
  if (!is_new) return;
  log_.error("cannot update the configuration: " + text);
  options_.changed();
}

void UserdataFetcher::succeed() {
  is_current_ = true;
  rejected_.reset();
  bool is_new = false;
  board_.update(
      [&](State& state) { is_new = !std::exchange(state.userdata_failure, {}).text.empty(); });
  if (is_new) options_.changed();
}

}  // namespace jetpack::jetpackd
