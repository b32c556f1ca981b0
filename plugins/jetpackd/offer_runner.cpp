// Runs what plugins offer to jetpackd: timers, and hooks when something happens to the node.
#include "jetpackd/offer_runner.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <jetpack/error.hpp>
#include "jetpackd/memory.hpp"
#include "jetpackd/threads.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Error;
using std::chrono::milliseconds;

constexpr milliseconds usual_deadline{60'000};
constexpr milliseconds offer_grace{1000};
constexpr milliseconds longest_wait{30'000};  // until a changed plugin is noticed
constexpr uint64_t offer_output = 8 << 10;
constexpr size_t most_words = 512;
constexpr size_t most_events = 16;  // that wait for one hook
constexpr std::string_view ending = "on-shutdown";

std::string title(const support::Offer& offer) {
  return offer.kind + ' ' + offer.name + " of plugin " + offer.plugin;
}

// Where plugins are installed and switched on and off, below a tree.
constexpr std::array watched{"lib/jetpack/plugins", "plugins/active", "plugins/state",
                             "config/jetpack.ini", "config/plugins.ini"};

}  // namespace

std::string failure_of_run(const jetpack::ProcessResult& result) {
  std::string text;
  if (result.timed_out) {
    text = "timed out";
  } else if (result.signal != 0) {
    text = std::string("killed by signal ") + std::to_string(result.signal) + " (" +
           ::strsignal(result.signal) + ')';
  } else if (result.exit_code != 0) {
    text = "exited with " + std::to_string(result.exit_code);
  } else {
    return text;
  }
  const std::string masked =
      support::redact(support::well_formed(result.err.empty() ? result.out : result.err));
  std::string_view words = support::trimmed(masked);
  if (const size_t end = words.find_last_of('\n'); end != std::string_view::npos)
    words.remove_prefix(end + 1);
  if (!words.empty()) text += ": " + support::cut(support::one_line(words), most_words);
  return text;
}

OfferRunner::OfferRunner(const jetpack::Call& call, support::LogFile& log)
    : log_(log),
      config_(call.service<jetpack::Config>()),
      process_(call.service<jetpack::Process>()),
      node_conditions_(call.service<jetpack::Conditions>()),
      home_(config_.path("")),
      prefix_(support::parent_directory(support::parent_directory(support::program_path()))),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

OfferRunner::~OfferRunner() { stop(); }

void OfferRunner::start() {
  thread_ = without_signals([this] { run(); });
}

void OfferRunner::stop() {
  is_stopping_ = true;
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void OfferRunner::happened(std::string event, std::string data, milliseconds longest) {
  const std::lock_guard lock(mutex_);
  if (event == ending && has_ending_hook_) is_ending_ = true;
  if (events_.size() == most_events) events_.pop_front();
  events_.push_back({std::move(event), std::move(data), longest, Clock::now()});
  ::eventfd_write(wake_.get(), 1);
}

void OfferRunner::conditions_written() {
  const std::lock_guard lock(mutex_);
  are_conditions_due_ = true;
  ::eventfd_write(wake_.get(), 1);
}

void OfferRunner::run() {
  while (!is_stopping_) {
    try {
      list_if_changed();
      std::deque<Event> events;
      bool are_conditions_due = false;
      // Before the first list nobody knows whom to tell.
      if (!listing_) {
        const std::lock_guard lock(mutex_);
        events.swap(events_);
        are_conditions_due = std::exchange(are_conditions_due_, false);
      }
      for (const auto& event : events) hand_out(event);
      if (are_conditions_due) compare_conditions();
      for (auto& slot : slots_) advance(slot);
      if (is_ending_) note_ending();
    } catch (const std::exception& e) {
      // For example out of memory.
      log_.error(std::string("internal error in the runner of plugins: ") + e.what());
    }
    wait();
  }
  slots_.clear();
  listing_.reset();
}

// What changes when a plugin is installed, removed, or switched off.
std::string OfferRunner::fingerprint() const {
  std::string text;
  for (const auto& tree : {home_, prefix_}) {
    for (const char* name : watched) {
      struct stat info {};
      if (::stat((tree + '/' + name).c_str(), &info) != 0) info = {};
      text +=
          std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + ' ';
    }
  }
  return text;
}

void OfferRunner::list_if_changed() {
  if (listing_) {
    const auto result = listing_->result();
    if (!result) return;
    listing_.reset();
    if (result->exit_code == 0) {
      take_list(result->out);
    } else {
      log_.warning("cannot list the plugins: " + failure_of_run(*result));
    }
    release_memory();
    return;
  }
  const std::string now = fingerprint();
  if (now == listed_) return;
  listed_ = now;
  listing_.emplace(process_.start(support::plugin_offers_command(home_)));
}

// Takes over what is as it was: a timer keeps its time, a hook its run.
void OfferRunner::take_list(const std::string& json) {
  std::vector<Slot> slots;
  for (auto& offer : support::parse_plugin_offers(json).offers) {
    if (offer.kind == "check") continue;
    const auto known = std::find_if(slots_.begin(), slots_.end(),
                                    [&](const Slot& slot) { return slot.offer == offer; });
    if (known != slots_.end()) {
      slots.push_back(std::move(*known));
      continue;
    }
    log_.info(title(offer) +
              (offer.kind == "timer"
                   ? ": every " + std::to_string(offer.interval.count() / 1000) + " s"
                   : ""));
    Slot& slot = slots.emplace_back();
    if (offer.kind == "timer") slot.next = Clock::now() + offer.interval;
    slot.offer = std::move(offer);
  }
  slots_ = std::move(slots);
  has_ending_hook_ = has_hook(ending);
  if (has_hook("on-condition") && !conditions_) compare_conditions();
}

// Once all hooks of the end have ended.
void OfferRunner::note_ending() {
  const std::lock_guard lock(mutex_);
  const bool is_busy =
      std::any_of(events_.begin(), events_.end(),
                  [](const Event& event) { return event.name == ending; }) ||
      std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
        return slot.offer.name == ending && (slot.process || !slot.waiting.empty());
      });
  if (!is_busy) is_ending_ = false;
}

bool OfferRunner::has_hook(std::string_view event) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.offer.kind == "hook" && slot.offer.name == event;
  });
}

void OfferRunner::hand_out(const Event& event) {
  for (auto& slot : slots_) {
    if (slot.offer.kind != "hook" || slot.offer.name != event.name) continue;
    if (slot.waiting.size() == most_events) {
      log_.warning(title(slot.offer) + ": too slow, an event was left out");
      slot.waiting.pop_front();
    }
    slot.waiting.push_back(event);
  }
}

// Those that are not as they were when hooks were last told; at first nobody is.
void OfferRunner::compare_conditions() {
  if (!has_hook("on-condition")) return;
  std::map<std::string, jetpack::Condition> now;
  std::map<std::string, std::string> known;
  try {
    for (auto& condition : node_conditions_.list()) {
      known[condition.name] = std::string(health_text(condition.health)) + ' ' + condition.message;
      now[condition.name] = std::move(condition);
    }
  } catch (const Error& e) {
    return log_.warning(e.what());
  }
  const auto before = std::exchange(conditions_, known);
  if (!before || *before == known) return;
  std::vector<std::string> changed;
  for (const auto& [name, text] : known)
    if (const auto old = before->find(name); old == before->end() || old->second != text)
      changed.push_back(name);
  for (const auto& [name, text] : *before)
    if (!known.contains(name)) changed.push_back(name);
  hand_out({"on-condition", support::json_object([&](support::Object& json) {
              json.text("event", "on-condition")
                  .list("conditions", changed,
                        [&](support::JsonWriter& writer, const std::string& name) {
                          const auto condition = now.find(name);
                          const bool is_set = condition != now.end();
                          support::Object(writer)
                              .text("name", name)
                              .text("status", is_set ? health_text(condition->second.health) : "OK")
                              .text("message", is_set ? condition->second.message : "");
                        });
            }),
            std::chrono::hours(1), Clock::now()});
}

void OfferRunner::advance(Slot& slot) {
  if (slot.process) {
    const auto result = slot.process->result();
    if (!result) return;
    slot.process.reset();
    const std::string why = failure_of_run(*result);
    if (why != slot.failure)
      log_.write(why.empty() ? JP_LEVEL_INFO : JP_LEVEL_WARNING,
                 title(slot.offer) + ": " + (why.empty() ? "works again" : why));
    slot.failure = why;
  }
  if (!slot.waiting.empty()) {
    const Event event = std::move(slot.waiting.front());
    slot.waiting.pop_front();
    const auto spent = std::chrono::floor<milliseconds>(Clock::now() - event.since);
    if (event.longest <= spent)
      return log_.warning(title(slot.offer) + ": not run, no time is left");
    return begin(slot, event.data, event.longest - spent);
  }
  if (Clock::now() < slot.next) return;
  slot.next = Clock::now() + slot.offer.interval;
  begin(slot, "", slot.offer.interval);
}

void OfferRunner::begin(Slot& slot, const std::string& input, milliseconds longest) {
  const auto deadline = slot.offer.deadline.count() > 0 ? slot.offer.deadline : usual_deadline;
  ProcessSpec spec{.argv = slot.offer.argv(), .env = {"JETPACK_HOME=" + home_}};
  spec.directory.assign(1, '/');
  spec.input = input;
  // A timer with a short interval may take as long as it declares.
  spec.deadline = slot.offer.kind == "timer" ? deadline : std::min(deadline, longest);
  spec.grace = offer_grace;
  spec.capture_bytes = offer_output;
  try {
    slot.process.emplace(process_.start(std::move(spec)));
  } catch (const Error& e) {
    log_.warning(title(slot.offer) + ": not run: " + e.what());
  }
}

void OfferRunner::wait() {
  std::vector<pollfd> events{{wake_.get(), POLLIN, 0}};
  if (listing_) events.push_back({listing_->descriptor(), POLLIN, 0});
  auto time = longest_wait;
  for (const auto& slot : slots_) {
    if (slot.process) {
      events.push_back({slot.process->descriptor(), POLLIN, 0});
    } else if (slot.next != Clock::time_point::max()) {
      time = std::min(time, std::chrono::ceil<milliseconds>(slot.next - Clock::now()));
    }
    if (!slot.process && !slot.waiting.empty()) time = milliseconds{0};
  }
  if (is_stopping_) return;
  time = std::max(time, milliseconds{0});
  if (::poll(events.data(), events.size(), static_cast<int>(time.count())) <= 0) return;
  eventfd_t count = 0;
  if (events.front().revents != 0) ::eventfd_read(wake_.get(), &count);
}

}  // namespace jetpack::jetpackd
