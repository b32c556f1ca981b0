// Watches for what the cloud is about to do to this node, and runs the scripts for it.
#include "jetpackd/event_monitor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <random>

#include <jetpack/error.hpp>
#include <jetpack/messages.hpp>
#include "jetpackd/threads.hpp"
#include "support/json_writer.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = EventRecord::Stage;

// By its documentation the service's first answer may take two minutes. A timeout is doubled when it
// was too short, so that an answer that is lost, and never comes, delays little.
constexpr milliseconds first_timeout{5000}, most_first_timeout{150'000};
constexpr milliseconds later_timeout{1000}, most_later_timeout{5000};
constexpr milliseconds least_first{1000}, most_first{60'000};
constexpr milliseconds least_pause{500}, most_pause{1000};
constexpr milliseconds poll_when_off{10'000};
constexpr milliseconds delivery_time{5000};
// How long a script waits for a message to be on disk, or delivered where the disk is full.
constexpr milliseconds publish_patience{500};
// An acknowledgement whose answer was lost may still be on its way when the cloud is asked next; and
// a list that is out of date may lack an event for a while.
constexpr int answers_until_sent_again = 2, answers_until_gone = 10;

bool ends_the_node(const std::string& kind) { return kind == "Preempt" || kind == "Terminate"; }

std::string announcement(const CloudEvent& event) {
  std::string text = event.kind + " announced by the cloud";
  if (!event.not_before.empty()) text += ", not before " + event.not_before;
  if (event.has_begun) text += ", which has begun";
  if (!event.description.empty()) text += ": " + event.description;
  return text;
}

}  // namespace

EventMonitor::EventMonitor(const jetpack::Call& call, std::unique_ptr<CloudEvents> cloud,
                           Board& board, support::LogFile& log, std::function<void()> changed,
                           std::function<void(const CloudEvent&)> ending,
                           std::function<bool()> is_held)
    : board_(board),
      log_(log),
      changed_(std::move(changed)),
      ending_(std::move(ending)),
      is_held_(std::move(is_held)),
      config_(call.service<jetpack::Config>()),
      process_(call.service<jetpack::Process>()),
      session_(call.service<jetpack::Session>()),
      cloud_(std::move(cloud)),
      journal_(config_.path("config/scheduled_events.json"), log),
      settings_(config_, log),
      tools_{config_, process_, journal_,
             [this](uint32_t level, const std::string& text) { report(level, text); }},
      until_first_(least_first, most_first, std::random_device{}()),
      retry_(least_pause, most_pause, std::random_device{}()),
      timeout_(journal_.exists() ? later_timeout : first_timeout),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

EventMonitor::~EventMonitor() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void EventMonitor::start() {
  is_over_ = false;
  thread_ = without_signals([this] { run(); });
}

void EventMonitor::stop() {
  is_stopping_ = true;
  acknowledging_.stop();
  delivering_.stop();
  publishing_.stop();
  ::eventfd_write(wake_.get(), 1);
}

bool EventMonitor::join(milliseconds patience) {
  constexpr milliseconds pause{5};
  const auto end = Clock::now() + patience;
  while (!is_over_ || !acknowledging_.is_idle() || !delivering_.is_idle() ||
         !publishing_.is_idle()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(pause);
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

void EventMonitor::run() {
  while (!is_stopping_) {
    try {
      step();
    } catch (const std::exception& e) {
      // For example out of memory.
      log_.error(std::string("internal error in the monitor of scheduled events: ") + e.what());
      wait(least_pause);
    }
  }
  runs_.clear();
  is_over_ = true;
}

// One poll, and what there is to do until the next.
void EventMonitor::step() {
  settings_.refresh();
  if (!settings_.is_enabled) {
    runs_.clear();
    listed_.clear();
    shown_.clear();
    doubts_.clear();
    show();
    return wait(poll_when_off);
  }
  const auto began = Clock::now();
  auto pause = settings_.interval;
  if (!poll_cloud()) pause = journal_.exists() ? retry_.pause() : until_first_.pause();
  const auto next = began + pause;
  for (;;) {
    advance();
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now());
    if (left <= milliseconds::zero() || is_stopping_) return;
    wait(left);
  }
}

bool EventMonitor::poll_cloud() {
  const auto began = Clock::now();
  // While scripts run, the next must not wait for an answer that takes long.
  const auto most = has_answered_ || !runs_.empty() ? most_later_timeout : most_first_timeout;
  const auto timeout = std::min(timeout_, most);
  try {
    const auto events = cloud_->poll(timeout);
    if (is_failing_ || !has_answered_) log_.info("watching for scheduled events of the cloud");
    has_answered_ = true;
    is_failing_ = false;
    const auto took = std::chrono::ceil<milliseconds>(Clock::now() - began);
    timeout_ = std::max(later_timeout, 2 * took);
    retry_.reset();
    journal_.create();
    reconcile(events);
    return true;
  } catch (const Error& e) {
    if (Clock::now() - began >= timeout) timeout_ = std::min(2 * timeout, most);
    note_failure(e.what());
    return false;
  }
}

void EventMonitor::note_failure(const std::string& why) {
  if (std::exchange(is_failing_, true)) return;
  if (journal_.exists()) return log_.warning("cannot read the scheduled events, retrying: " + why);
  log_.info("cannot read the scheduled events, retrying: " + why +
            "; where the cloud has none, set cyclecloud.monitor_scheduled_events to false");
}

void EventMonitor::reconcile(const std::vector<CloudEvent>& events) {
  listed_.clear();
  shown_.clear();
  for (const auto& event : events) {
    shown_.emplace(event.id, event);
    if (!event.has_begun) listed_.emplace(event.id, event);
    reconcile(event);
  }
  const auto records = journal_.records();
  for (const auto& record : records)
    if (record.stage == Stage::acknowledging && !asking_.contains(record.id))
      resolve(record, shown_.contains(record.id));
}

// Of one whose acknowledgement may have arrived or not: the cloud's list tells.
void EventMonitor::resolve(const EventRecord& record, bool is_listed) {
  Doubt& doubt = doubts_[record.id];
  if (is_listed) {
    doubt.gone = 0;
    if (++doubt.listed >= answers_until_sent_again) acknowledge(record);
  } else if (++doubt.gone >= answers_until_gone) {
    note_acknowledged(record);
  }
}

void EventMonitor::reconcile(const CloudEvent& event) {
  const auto is_this = [&](const EventRun& run) { return run.record().id == event.id; };
  if (std::any_of(runs_.begin(), runs_.end(), is_this)) return;
  const EventRecord* known = journal_.find(event.id);
  EventRecord record;
  if (known != nullptr) {
    record = *known;
  } else {
    record.id = event.id;
    record.kind = event.kind;
    announce(event);
  }
  if (!event.has_begun) {
    if (record.stage == Stage::running) begin(event, std::move(record));
    return;
  }
  // What was answered to the acknowledgement may have been lost.
  if (record.stage == Stage::acknowledging) return note_acknowledged(std::move(record));
  if (record.stage != Stage::running && record.stage != Stage::succeeded) return;
  record.stage = Stage::begun;
  journal_.put(record);
}

void EventMonitor::begin(const CloudEvent& event, EventRecord record) {
  runs_.emplace_back(tools_, event, std::move(record),
                     event.time_left - std::min(settings_.margin, event.time_left / 2));
  runs_.back().advance();
}

// The server first: there may be no time for anything else.
void EventMonitor::announce(const CloudEvent& event) {
  const std::string text = announcement(event);
  if (ends_the_node(event.kind))
    publish("scheduled_event", support::json_object([&](support::Object& json) {
              json.text("id", event.id)
                  .text("event", event.kind)
                  .text("not_before", event.not_before)
                  .text("reason", text);
            }));
  report(JP_LEVEL_WARNING, text);
  if (ends_the_node(event.kind)) ending_(event);
}

void EventMonitor::advance() {
  collect_acknowledgements();
  for (auto& run : runs_) run.advance();
  std::erase_if(runs_, [](const EventRun& run) { return run.is_over(); });
  for (const auto& [id, event] : listed_) {
    const EventRecord* record = journal_.find(id);
    if (record != nullptr && record->stage == Stage::succeeded && !is_held_()) acknowledge(*record);
  }
  show();
}

// In a thread of its own: the answer may take long. It is noted before, so that one that was cut off
// is not sent again before the cloud has said that it knows of none.
void EventMonitor::acknowledge(EventRecord record) {
  const std::string id = record.id;
  if (!asking_.insert(id).second) return;
  doubts_.erase(id);
  record.stage = Stage::acknowledging;
  journal_.put(record);
  acknowledging_.add([this, id] {
    std::string failure;
    try {
      cloud_->acknowledge(id);
    } catch (const std::exception& e) {
      failure = e.what();
    }
    const std::lock_guard lock(mutex_);
    answers_.emplace_back(id, failure);
    ::eventfd_write(wake_.get(), 1);
  });
}

void EventMonitor::collect_acknowledgements() {
  std::vector<std::pair<std::string, std::string>> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }
  for (const auto& [id, failure] : answers) {
    asking_.erase(id);
    const EventRecord* record = journal_.find(id);
    // The list may have said it first.
    if (record == nullptr || record->stage != Stage::acknowledging) continue;
    if (failure.empty()) {
      note_acknowledged(*record);
    } else {
      log_.warning(record->kind + ": not acknowledged yet: " + failure);
    }
  }
}

void EventMonitor::note_acknowledged(EventRecord record) {
  doubts_.erase(record.id);
  record.stage = Stage::acknowledged;
  journal_.put(record);
  report(JP_LEVEL_INFO, record.kind + ": acknowledged" +
                            (record.done.empty() ? ", there is no script for it" : ""));
}

// On the board, for jetpack status.
void EventMonitor::show() {
  std::vector<PendingEvent> events;
  for (const auto& [id, event] : shown_) {
    const EventRecord* record = journal_.find(id);
    PendingEvent pending{event.kind, event.not_before, "", event.description};
    if (record != nullptr) pending.state = stage_names.at(static_cast<size_t>(record->stage));
    for (const auto& run : runs_)
      if (run.record().id == id && !run.script().empty()) pending.state += ' ' + run.script();
    events.push_back(std::move(pending));
  }
  bool is_new = false;
  board_.update([&](State& state) {
    is_new = state.events != events;
    if (is_new) state.events = std::move(events);
  });
  if (is_new) changed_();
}

// Until something happens, for at most `time`.
void EventMonitor::wait(milliseconds time) {
  std::vector<pollfd> events{{wake_.get(), POLLIN, 0}};
  for (const auto& run : runs_)
    if (run.descriptor() >= 0) events.push_back({run.descriptor(), POLLIN, 0});
  if (::poll(events.data(), events.size(), static_cast<int>(time.count())) <= 0) return;
  eventfd_t count = 0;
  if (events.front().revents != 0) ::eventfd_read(wake_.get(), &count);
}

// To the log and, unless it is a detail, to the server.
void EventMonitor::report(uint32_t level, const std::string& text) {
  log_.write(std::max<uint32_t>(level, JP_LEVEL_INFO), text);
  if (level < JP_LEVEL_INFO) return;
  const bool is_error = level >= JP_LEVEL_ERROR, is_warning = level >= JP_LEVEL_WARNING;
  const Severity severity = is_error     ? Severity::error
                            : is_warning ? Severity::warn
                                         : Severity::info;
  publish(
      "log",
      log_message(text, severity, is_error || is_warning ? Priority::high : Priority::medium).data);
}

// In a thread of its own: where the queue cannot be written, delivery is waited for.
void EventMonitor::publish(const char* type, std::string data) {
  if (is_stopping_) return;
  const auto done = std::make_shared<std::promise<void>>();
  publishing_.add([this, type, data = std::move(data), done] {
    try {
      session_.publish(type, data, milliseconds{0});
      deliver();
    } catch (const std::exception& e) {
      log_.error(std::string("cannot report this to the server: ") + e.what());
    }
    done->set_value();
  });
  // Once one was too slow, the others only keep their order behind it.
  if (is_publishing_slow_ && !publishing_.is_idle()) return;
  is_publishing_slow_ = done->get_future().wait_for(publish_patience) != std::future_status::ready;
}

// The worker, which delivers, may be waiting for a useradd.
void EventMonitor::deliver() {
  if (delivering_.has_waiting()) return;
  delivering_.add([this] {
    try {
      session_.deliver(delivery_time);
    } catch (const std::exception&) {
      // The worker tries again, and reports what is wrong.
    }
  });
}

}  // namespace jetpack::jetpackd
