// `jetpack report_issue`: archives the node's logs and state, with secrets masked, and uploads the
// archive to the locker or writes it to a file.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <jetpack/plugin.hpp>
#include "archive.hpp"
#include "collector.hpp"
#include "contents.hpp"
#include "deflater.hpp"
#include "destination.hpp"
#include "facts.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using jetpack::report_issue::Archive;
using jetpack::report_issue::Collector;
using jetpack::report_issue::Contents;
using jetpack::report_issue::Found;
using jetpack::report_issue::LeftOut;
using jetpack::report_issue::LocalFile;
using jetpack::report_issue::Selection;
using jetpack::report_issue::Totals;
using jetpack::support::Object;

constexpr unsigned max_workers = 16;
constexpr std::string_view disposition = "disposition=file; attachment";

struct Plan {
  Selection selection;
  uint64_t max_bytes = 0;
  std::optional<int> level;
  std::string cluster, node;
  std::string version;  // jetpack's
  std::chrono::system_clock::time_point created = std::chrono::system_clock::now();
  std::string name;  // of the zip

  std::string blob() const { return "issues/" + name; }
};

// The outcome, as printed.
struct Result {
  std::string location;
  std::optional<std::chrono::system_clock::time_point> expires;
  bool is_shortened = false;
  uint64_t bytes = 0;
  Totals totals;
};

uint64_t parse_size(std::string_view text) {
  constexpr std::string_view units = "kmgt";
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  size_t shift = 0;
  if (rest != end) {
    const size_t unit = units.find(static_cast<char>(*rest | 0x20));
    if (unit != std::string_view::npos && rest + 1 == end) shift = 10 * (unit + 1);
  }
  const bool is_valid = failure == std::errc{} && (rest == end || shift > 0);
  if (!is_valid || number > UINT64_MAX >> (shift + 1))
    throw Error(Errc::usage, "invalid --max-size '" + support::one_line(text.substr(0, 40)) +
                                 "'; expected a number of bytes, or a number with k, m, g or t");
  return number << shift;
}

// The text as one segment of a blob's name and of a path.
std::string as_segment(std::string text) {
  constexpr size_t longest = 100;
  text = support::one_line(text.substr(0, longest));
  for (char& c : text)
    if (c == '/' || c == '\\' || c == ' ' || c == '?' || c == '#' || c == '%') c = '_';
  if (text.starts_with('.')) text.front() = '_';
  return text;
}

// Works on a node that is not configured, too: that is when reports are needed.
std::string fact_or(const Call& call, std::string_view fact, const std::string& fallback) {
  try {
    return call.service<jetpack::Session>().identity(fact).value_or(fallback);
  } catch (const Error&) {
    return fallback;
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "node";
}

Plan make_plan(const Call& call) {
  Plan plan;
  std::vector<std::string> paths;
  for (const auto path : call.texts("LOG_PATH")) paths.emplace_back(path);
  if (paths.empty()) paths.push_back(call.service<jetpack::Config>().path("logs"));
  plan.selection.paths = jetpack::report_issue::distinct_paths(paths);
  if (const auto since = call.duration("since"))
    plan.selection.since =
        ::time(nullptr) - std::chrono::duration_cast<std::chrono::seconds>(*since).count();
  plan.max_bytes = parse_size(*call.text("max-size"));
  if (const auto level = call.integer("level")) plan.level = static_cast<int>(*level);
  plan.cluster = fact_or(call, "cluster", "unknown");
  plan.node = fact_or(call, "node", host_name());
  plan.version = call.host_version();
  plan.name = as_segment(plan.cluster) + '-' + as_segment(plan.node) + '-' +
              support::random_uuid() + ".zip";
  return plan;
}

unsigned worker_count() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&cores)), 1U, max_workers);
}

int level_of(const Plan& plan) {
  return plan.level.value_or(jetpack::report_issue::automatic_level(worker_count()));
}

// The first members of the manifest.
void add_about(Object& about, const Plan& plan) {
  std::vector<std::string> paths;
  for (const auto& path : plan.selection.paths) paths.push_back(support::well_formed(path));
  about.number("schema", 1)
      .text("name", plan.name)
      .text("created", support::iso_8601(plan.created))
      .text("jetpack", plan.version)
      .text("cluster", support::well_formed(plan.cluster))
      .text("node", support::well_formed(plan.node))
      .texts("paths", paths);
}

struct stat status_of(int fd) {
  struct stat info {};
  if (fd >= 0) ::fstat(fd, &info);
  return info;
}

// A report in progress. `own_file` is the descriptor of the file it is written to, which must not
// be part of the report, or -1.
class Report {
 public:
  Report(const Call& call, const Plan& plan, int own_file)
      : plan_(plan),
        redactor_(call.service<jetpack::Log>().redactor()),
        facts_(jetpack::report_issue::gather_facts(call)),
        own_(status_of(own_file)),
        archive_(worker_count(), level_of(plan),
                 [this](Archive::Writer& writer) { fill(writer); }) {}

  Archive& archive() { return archive_; }
  // Valid once the whole archive has been read.
  const Totals& totals() const { return totals_; }

 private:
  void fill(Archive::Writer& writer) {
    Contents contents(writer, redactor_, plan_.max_bytes);
    for (const auto& fact : facts_) contents.add(fact);
    Collector collector(
        plan_.selection,
        [&](const Found& file) {
          if (file.device == own_.st_dev && file.inode == own_.st_ino) return;
          contents.add(file);
        },
        [&](const LeftOut& what) { contents.skip(what); });
    collector.run();
    totals_ = contents.totals();
    contents.add_manifest([this](Object& about) { add_about(about, plan_); });
  }

  const Plan& plan_;
  jetpack::Redactor redactor_;
  std::vector<jetpack::report_issue::Fact> facts_;
  struct stat own_;
  Totals totals_;
  Archive archive_;  // last: its threads use the members above
};

int dry_run(const Call& call, const Plan& plan) {
  uint64_t files = 0;
  uint64_t bytes = 0;
  rapidjson::StringBuffer buffer;
  support::JsonWriter json(buffer);
  json.StartArray();
  std::string notes;
  Collector collector(
      plan.selection,
      [&](const Found& file) {
        ++files;
        bytes += file.bytes;
        std::string size = std::to_string(file.bytes);
        size.insert(0, size.size() < 12 ? 12 - size.size() : 0, ' ');
        if (!call.flag("json"))
          return call.print(size + "  " + support::one_line(file.path) + '\n');
        Object(json).text("path", support::well_formed(file.path)).number("bytes", file.bytes);
      },
      [&](const LeftOut& what) {
        if (!call.flag("json")) {
          notes += "skipped: " + support::one_line(what.path) + ": " + what.why + '\n';
          return;
        }
        Object(json).text("path", support::well_formed(what.path)).text("left_out", what.why);
      });
  collector.run();
  json.EndArray();
  if (call.flag("json")) {
    call.print(support::shown_json({buffer.GetString(), buffer.GetSize()}));
    return 0;
  }
  for (const auto& fact : jetpack::report_issue::planned_facts())
    notes += "output of: " + fact.source + '\n';
  call.print(notes + std::to_string(files) + " files, " + std::to_string(bytes) + " bytes\n");
  return 0;
}

void print_result(const Call& call, const Result& result) {
  if (!call.flag("json")) {
    call.print("Logs can be found at: " + result.location + '\n');
    if (result.expires)
      call.print("Signed URL will expire on: " + support::iso_8601_seconds(*result.expires) + '\n');
    return;
  }
  call.print(support::shown_json(support::json_object([&](Object& json) {
    json.text("location", result.location);
    if (result.expires)
      json.text("expires", support::iso_8601_seconds(*result.expires))
          .boolean("shortened", result.is_shortened);
    json.number("bytes", result.bytes)
        .number("files", result.totals.files)
        .number("left_out", result.totals.left_out)
        .number("redactions", result.totals.redactions);
  })));
}

Result write_locally(const Call& call, const Plan& plan) {
  LocalFile file(std::string(call.text("output").value_or("")), plan.name);
  Report report(call, plan, file.fd());
  file.write(report.archive());
  return {file.path(), {}, false, report.archive().bytes(), report.totals()};
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

jetpack::Progress progress(const Call& call) {
  if (!call.err_is_terminal()) return nullptr;
  return [&call, reported = uint64_t{0}](uint64_t done, uint64_t) mutable {
    constexpr uint64_t step = 8 << 20;
    if (done >= reported + step) {
      reported = done;
      call.report("\rjetpack report_issue: " + std::to_string(done >> 20) + " MiB uploaded");
    }
    return true;
  };
}

// An uploaded report is useful even when its URL cannot be signed.
void sign(const Call& call, const jetpack::Storage& storage, const Plan& plan, Result& result) {
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(*call.duration("expires"));
  try {
    auto signed_url = storage.sign(plan.blob(), lifetime, {disposition, "binary"});
    result.location = std::move(signed_url.url);
    result.expires = signed_url.expires;
    result.is_shortened = signed_url.shortened;
  } catch (const Error& e) {
    if (call.given("sign"))
      throw Error(e.code(), "uploaded the report to " + result.location +
                                ", but could not sign its URL: " + e.what());
    call.report("jetpack report_issue: the URL is not signed: " + first_line(e.what()) +
                "; reading it requires access to the locker\n");
    return;
  }
  if (result.is_shortened)
    call.report(
        "jetpack report_issue: the URL expires sooner than requested, which is the limit of this "
        "node's credential\n");
}

Result upload(const Call& call, const Plan& plan) {
  const auto storage = call.service<jetpack::Storage>();
  const std::string locker = storage.locker();  // fails before anything is collected
  Report report(call, plan, -1);
  const jetpack::Source source = [&](char* buffer, size_t capacity) {
    return report.archive().read(buffer, capacity);
  };
  storage.upload(plan.blob(), source, {"application/zip", progress(call)});
  if (call.err_is_terminal()) call.report("\r\x1b[K");
  Result result{jetpack::report_issue::address_of(storage, plan.blob()),
                {},
                false,
                report.archive().bytes(),
                report.totals()};
  if (call.flag("sign")) sign(call, storage, plan, result);
  return result;
}

Result upload_or_explain(const Call& call, const Plan& plan) {
  try {
    return upload(call, plan);
  } catch (const Error& e) {
    const std::string text = e.what();
    const std::string first = first_line(text);
    throw Error(e.code(),
                "cannot upload the report: " + first +
                    "\nTo keep the report on this node, run: jetpack report_issue --no-upload" +
                    text.substr(first.size()));
  }
}

int report(const Call& call) {
  const bool is_local = call.given("output");
  if (is_local && call.given("upload") && call.flag("upload"))
    throw Error(Errc::usage, "--output cannot be combined with --upload");
  const Plan plan = make_plan(call);
  if (call.flag("dry-run")) return dry_run(call, plan);
  const bool is_upload = call.flag("upload") && !is_local;
  const bool is_piped = call.text("output").value_or("") == "-";
  if (is_piped && call.out_is_terminal())
    throw Error(Errc::usage, "refusing to write the archive to a terminal; redirect it to a file");
  if (is_piped && call.flag("json"))
    throw Error(Errc::usage, "--output - cannot be combined with --json");
  const Result result = is_upload ? upload_or_explain(call, plan) : write_locally(call, plan);
  if (!is_piped) print_result(call, result);
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.report_issue", "1.0.0",
    jetpack::needs<jetpack::Config, jetpack::Process, jetpack::Log>(),
    jetpack::command(
        "report_issue", "Archive this node's logs, upload the archive and print a signed URL",
        report,
        jetpack::argument("LOG_PATH",
                          "Files and directories to collect; default is logs/ in the home tree")
            .repeated()
            .optional(),
        jetpack::flag("upload", "Upload the archive to the locker, or keep it on this node")
            .negatable()
            .fallback("true"),
        jetpack::flag("sign", "Sign the URL, so that anyone who has it can read the archive")
            .negatable()
            .fallback("true"),
        jetpack::option("expires", "DURATION", "Lifetime of the signed URL (12h, 7d)")
            .duration()
            .fallback("30d"),
        jetpack::option("output", 'o', "PATH",
                        "Write the archive to a file or directory; - is standard output"),
        jetpack::option("since", "DURATION",
                        "Include only files modified within this time (6h, 2d)")
            .duration(),
        jetpack::option(
            "max-size", "SIZE",
            "Include only the last SIZE bytes of each file (500k, 20m, 2g); 0 is no limit")
            .fallback("8g"),
        jetpack::option("level", "N",
                        "Compression level, from 1, the fastest, to 9, the smallest; default is 1, "
                        "2 or 5, chosen by the content and the number of cores")
            .integer(jetpack::report_issue::fastest_level, jetpack::report_issue::smallest_level),
        jetpack::flag("dry-run", "List what would be collected, without creating an archive"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Collects log files, recursively, and the state of the node: status, configuration, "
            "versions, systemd units, disks and kernel messages. Secrets such as passwords, "
            "tokens, keys and signatures are masked. Links and devices are not followed, gzip "
            "files are unpacked, and files that cannot be searched for secrets are skipped. "
            "manifest.json in the archive lists every file with its SHA-256, and why a file was "
            "skipped.\n\n"
            "The archive is uploaded to issues/ in the locker without a copy on this node's disk. "
            "Anyone who has the signed URL can read the archive until the URL expires."),
        jetpack::example("jetpack report_issue", "Upload the logs and print a signed URL"),
        jetpack::example("jetpack report_issue /var/log/azure --no-sign",
                         "Upload other logs, readable only with access to the locker"),
        jetpack::example("jetpack report_issue --no-upload",
                         "Create the archive below /tmp and print its path"),
        jetpack::example("jetpack report_issue /var/log --since 2d --output /shared/",
                         "Write the files modified in two days to a shared directory")));
