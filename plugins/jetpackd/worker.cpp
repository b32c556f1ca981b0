// The daemon's worker thread: makes all calls to the session, configuration and process services,
// which allow only one call at a time.
#include "jetpackd/worker.hpp"

#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include <jetpack/error.hpp>
#include "jetpackd/memory.hpp"
#include "jetpackd/threads.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Error;
using std::chrono::milliseconds;

constexpr milliseconds poll_when_watching{30000};
constexpr milliseconds poll_without{1000};
constexpr milliseconds save_interval{60000}, least_save_interval{1000};
constexpr milliseconds final_delivery_timeout{1500};
constexpr milliseconds once_timeout{30000};
constexpr milliseconds facts_interval{600000};
constexpr unsigned state_mode = 0640;

uint32_t random_seed() { return std::random_device{}(); }

}  // namespace

Worker::Worker(const jetpack::Call& call, Board& board, support::LogFile& log,
               const Options& options)
    : board_(board),
      log_(log),
      options_(options),
      config_(call.service<jetpack::Config>()),
      session_(call.service<jetpack::Session>()),
      work_(loop_.get_executor()),
      fetch_timer_(loop_),
      save_timer_(loop_),
      facts_timer_(loop_),
      accounts_(
          call.service<jetpack::Process>(), log,
          {options.root, config_.path("logs/initialize.log"), [&board] { board.note_progress(); }}),
      fetcher_(call, accounts_, board, log,
               {options.userdata_interval, random_seed(), [this] { save_soon(); },
                [this] {
                  // The server may have said where the metadata service is.
                  if (!has_metadata_) update_facts_after(milliseconds{0});
                }}),
      watcher_(watch()),
      deliverer_(loop_, session_, board, log,
                 {watcher_ ? poll_when_watching : poll_without, random_seed(),
                  [this] { save_soon(); }, release_memory}) {}

std::unique_ptr<Watcher> Worker::watch() {
  try {
    return std::make_unique<Watcher>(loop_, config_.path("run"), config_.path("config"),
                                     Watcher::Events{[this] { deliverer_.wake(); },
                                                     [this] {
                                                       log_.info("the connection settings changed");
                                                       deliverer_.reset();
                                                       fetcher_.reset();
                                                       fetch_after(milliseconds{0});
                                                     },
                                                     [this] { fetcher_.write_node_json(); },
                                                     options_.merged, options_.conditions});
  } catch (const Error& e) {
    log_.warning(std::string(e.what()) + "; polling the outbox every second instead");
    return nullptr;
  }
}

bool Worker::run_once() {
  const bool was_drained = deliverer_.drain(once_timeout);
  fetcher_.fetch(true);
  // After it, because the server may say where the metadata service is.
  if (fetcher_.update_facts(support::read_metadata(session_), support::read_machine(log_)))
    fetcher_.fetch(true);
  const bool is_drained = was_drained && deliverer_.drain(once_timeout);
  read_outbox();
  save();
  return is_drained && fetcher_.is_current();
}

void Worker::start() {
  update_facts_after(milliseconds{0});
  fetch_after(milliseconds{0});
  save_after(milliseconds{0});
  thread_ = without_signals([this] { run(); });
}

void Worker::run() {
  for (;;) {
    try {
      loop_.run();
      return;
    } catch (const std::exception& e) {
      // For example out of memory. Restart the timers that were lost.
      log_.error(std::string("internal error in the worker: ") + e.what());
      if (is_stopping_) return;
      deliverer_.reset();
      fetch_after(milliseconds{save_interval});
    }
  }
}

void Worker::ping() {
  boost::asio::post(loop_, [this] { board_.note_progress(); });
}

void Worker::refresh(std::function<void()> done) {
  boost::asio::post(loop_, [this, done = std::move(done)] {
    read_outbox();
    done();
  });
}

void Worker::state_changed() {
  boost::asio::post(loop_, [this] { save_soon(); });
}

void Worker::reset() {
  boost::asio::post(loop_, [this] {
    deliverer_.reset();
    fetcher_.reset();
    update_facts_after(milliseconds{0});
    fetch_after(milliseconds{0});
  });
}

void Worker::stop(std::function<void()> stopped) {
  boost::asio::post(loop_, [this, stopped = std::move(stopped)] {
    is_stopping_ = true;
    deliverer_.stop();
    deliverer_.drain(final_delivery_timeout);
    read_outbox();
    save();
    loop_.stop();
    stopped();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
  if (facts_thread_.joinable()) facts_thread_.join();
}

void Worker::read_outbox() {
  try {
    const auto outbox = support::parse_json(session_.outbox(), "the outbox's state");
    board_.update([&](State& state) {
      state.depth = support::number_or(outbox, "depth", 0);
      state.bytes = support::number_or(outbox, "bytes", 0);
      state.oldest = support::text_or(outbox, "oldest", "");
    });
  } catch (const Error& e) {
    log_.warning(std::string("cannot read the outbox: ") + e.what());
  }
  board_.note_progress();
}

void Worker::save() {
  const std::string json = to_json(board_.read());
  saved_at_ = std::chrono::steady_clock::now();
  if (json == saved_) return;
  try {
    support::write_durably(config_.path("run/jetpackd.json"), json, state_mode);
    saved_ = json;
  } catch (const Error& e) {
    // For example a full disk, which other messages report.
    if (saved_.empty()) log_.warning(e.what());
  }
}

void Worker::save_after(milliseconds pause) {
  save_timer_.expires_after(pause);
  save_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopping_) return;
    read_outbox();
    save();
    release_memory();
    save_after(save_interval);
  });
}

// Saves within a second, but not more than once a second, to spare the disk.
void Worker::save_soon() {
  const auto since = std::chrono::steady_clock::now() - saved_at_;
  save_after(since < least_save_interval ? least_save_interval : milliseconds{0});
}

// In a thread of its own: where there is no metadata service, or a name server hangs, it takes
// seconds, in which messages would not be delivered.
void Worker::update_facts_after(milliseconds pause) {
  facts_timer_.expires_after(pause);
  facts_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopping_) return;
    if (is_reading_facts_) {
      read_facts_again_ = true;
      return;
    }
    is_reading_facts_ = true;
    // It has posted what it found, and ends.
    if (facts_thread_.joinable()) facts_thread_.join();
    facts_thread_ = std::thread([this] { read_facts(); });
  });
}

void Worker::read_facts() {
  support::Metadata metadata;
  std::string machine;
  try {
    metadata = support::read_metadata(session_);
    if (is_stopping_) return;
    machine = support::read_machine(log_);
  } catch (const std::exception& e) {
    log_.error(std::string("cannot collect the facts of this machine: ") + e.what());
  }
  boost::asio::post(loop_, [this, metadata, machine] {
    is_reading_facts_ = false;
    has_metadata_ = metadata.problem.empty();
    const bool is_other = !machine.empty() && fetcher_.update_facts(metadata, machine);
    release_memory();
    if (is_stopping_) return;
    if (is_other) fetch_after(milliseconds{0});
    const bool is_due = std::exchange(read_facts_again_, false);
    update_facts_after(is_due ? milliseconds{0} : facts_interval);
  });
}

void Worker::fetch_after(milliseconds pause) {
  fetch_timer_.expires_after(pause);
  fetch_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopping_) return;
    const auto next = fetcher_.fetch();
    if (fetcher_.is_current() && !std::exchange(is_ready_, true)) options_.ready();
    release_memory();
    if (!is_stopping_) fetch_after(next);
  });
}

}  // namespace jetpack::jetpackd
