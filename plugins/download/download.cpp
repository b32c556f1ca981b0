// `jetpack download`: downloads blobs of a project from the node's locker.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/plugin.hpp>
#include <jetpack/progress.hpp>
#include "download/destination.hpp"
#include "download/listing.hpp"
#include "download/project.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

// A requested blob, and its outcome.
struct Request {
  std::string blob;                     // as given on the command line
  std::vector<std::string> candidates;  // full names, in lookup order
  std::string path;
};
// With --recursive: a blob of a listing, or a directory to be created.
struct Below {
  std::string blob;  // full name
  std::string line;  // of the listing
  std::string path;  // below the destination
  bool is_directory = false;
};
struct Done {
  std::string blob;  // full name
  std::string path;
  jetpack::Downloaded result;
};
struct Failed {
  std::string blob;
  std::string error;
  Errc code = Errc::failed;
};

using jetpack::download::in_quotes;

std::string check_name(std::string_view blob) {
  if (!jetpack::download::is_safe_name(blob))
    throw Error(Errc::usage,
                "cannot download " + in_quotes(blob) +
                    ": invalid blob name; it must be relative, without empty, '.' or '..' "
                    "segments and without control characters");
  return std::string(blob);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + support::one_line(text);
  return all;
}

// One run of the command: the downloads and their report.
class Downloads {
 public:
  explicit Downloads(const jetpack::Call& call)
      : call_(call),
        project_(jetpack::download::find_project(call)),
        storage_(call.service<jetpack::Storage>()),
        bar_(call) {}

  void add_blob(std::string_view name, const std::optional<std::string>& destination) {
    Request request{check_name(name), {}, {}};
    for (const auto& prefix : project_.prefixes)
      request.candidates.push_back(prefix + request.blob);
    request.path = jetpack::download::path_for(jetpack::download::base_name(name), destination);
    check_path(request.path);
    requests_.push_back(std::move(request));
  }

  // All blobs below `prefix`; "." is the whole project.
  void add_prefix(std::string_view prefix, const std::optional<std::string>& destination) {
    while (prefix.size() > 1 && prefix.ends_with('/')) prefix.remove_suffix(1);
    const bool is_all = prefix == ".";
    const std::string below = is_all ? "" : check_name(prefix) + "/";
    const auto found = jetpack::download::blobs_below(storage_, with_prefixes(below));
    if (found.empty())
      throw Error(Errc::not_found,
                  "cannot download " + in_quotes(prefix) + " of project " +
                      in_quotes(project_.name) + ": " + storage_.locker() +
                      " has no blob below it\nLooked in: " + joined(with_prefixes(below)));
    root_ = destination.value_or(".");
    const bool is_new = destination && !jetpack::download::names_directory(root_);
    std::string directory;
    if (!is_all && !is_new) directory.append(jetpack::download::base_name(prefix)) += '/';
    for (const auto& [name, listed] : found) {
      if (jetpack::download::is_safe_name(name)) {
        check_path(directory + name);
        below_.push_back({listed.blob, listed.line, directory + name, listed.is_directory});
      } else {
        failed_.push_back({listed.blob, "cannot download " + in_quotes(listed.blob) +
                                            ": a file of this name would not be below " + root_});
      }
    }
  }

  int run() {
    const bool is_one = requests_.size() + below_.size() == 1 && failed_.empty();
    for (const auto& request : requests_)
      if (!attempted(request.blob, [&] { done_.push_back(fetch(request)); })) break;
    if (!below_.empty()) fetch_below();
    bar_.clear();
    if (is_one && !failed_.empty() && !call_.flag("json"))
      throw Error(failed_.front().code, failed_.front().error);
    for (const auto& failed : failed_)
      call_.report("jetpack: " + support::printable(failed.error) + "\n");
    const size_t blobs = requests_.size() +
                         static_cast<size_t>(std::count_if(below_.begin(), below_.end(), is_blob));
    const size_t missing = blobs - std::min(blobs, done_.size());
    if (!is_one && !failed_.empty())
      call_.report("jetpack: " + std::to_string(done_.size()) + " downloaded, " +
                   std::to_string(std::max(missing, failed_.size())) + " failed\n");
    if (call_.flag("json")) print_json();
    return failed_.empty() ? 0 : 1;
  }

 private:
  std::vector<std::string> with_prefixes(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& prefix : project_.prefixes) names.push_back(prefix + name);
    return names;
  }

  void check_path(const std::string& path) {
    if (!paths_.insert(path).second)
      throw Error(Errc::usage, "two blobs have the same destination, " + in_quotes(path) +
                                   "\nDownload one of them under another name.");
  }

  // Keeps what it throws. False when the remaining downloads would fail the same way.
  template <class Step>
  bool attempted(const std::string& blob, Step&& step) {
    try {
      step();
      return true;
    } catch (const Error& error) {
      failed_.push_back({blob, error.what(), error.code()});
      return error.code() != Errc::denied && error.code() != Errc::unavailable;
    }
  }

  static bool is_blob(const Below& below) { return !below.is_directory; }

  // Downloads what add_prefix has found.
  void fetch_below() {
    jetpack::download::create_directories(root_);
    std::vector<jetpack::Wanted> wanted;
    std::vector<const Below*> blobs;
    for (const auto& below : below_) {
      if (is_blob(below)) {
        wanted.push_back({below.line, below.path});
        blobs.push_back(&below);
      } else if (!attempted(below.blob, [&] {
                   jetpack::download::create_directory_below(root_, below.path);
                 })) {
        return;
      }
    }
    if (blobs.empty()) return;
    bar_.begin(blobs.size() == 1 ? blobs.front()->path : std::to_string(blobs.size()) + " blobs");
    uint64_t transferred = 0;
    storage_.download_all(
        wanted, root_,
        [&](size_t index, const jetpack::Downloaded& result, const Error* failure) {
          const Below& below = *blobs.at(index);
          if (failure != nullptr) {
            failed_.push_back({below.blob, failure->what(), failure->code()});
          } else {
            done_.push_back({below.blob, root_ + '/' + below.path, result});
            transferred += result.bytes - result.resumed;
          }
        },
        transfer_options());
    bar_.finish(transferred);
  }

  jetpack::DownloadOptions transfer_options() {
    jetpack::DownloadOptions options;
    options.fresh = call_.flag("fresh");
    options.progress = [this](uint64_t done, uint64_t total) {
      bar_.update(done, total);
      return true;
    };
    return options;
  }

  Done fetch(const Request& request) {
    namespace destination = jetpack::download;
    if (destination::is_standard_output(request.path)) {
      return fetch_and_pass_on(request, [&](std::string_view piece) { call_.print(piece); });
    }
    const std::string path = destination::follow_link(request.path);
    if (destination::is_device(path)) {
      const support::Fd device(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
      const int error = device ? 0 : errno;
      return fetch_and_pass_on(request, [&](std::string_view piece) {
        const int failure = error != 0 ? error : support::write_all(device.get(), piece);
        if (failure != 0)
          throw Error(Errc::failed,
                      "cannot write " + path + ": " + support::system_message(failure));
      });
    }
    destination::check_writable(path);
    return fetch_to(request, path);
  }

  // Passes on what is complete and verified.
  Done fetch_and_pass_on(const Request& request,
                         const std::function<void(std::string_view)>& take) {
    const jetpack::download::Spool spool;
    Done done = fetch_to(request, spool.path());
    spool.read(take);
    return done;
  }

  Done fetch_to(const Request& request, const std::string& path) {
    bar_.begin(request.blob);
    const jetpack::DownloadOptions options = transfer_options();
    std::string reason;
    for (const auto& blob : request.candidates) {
      try {
        const auto result = storage_.download(blob, path, options);
        bar_.finish(result.bytes);
        return {blob, request.path, result};
      } catch (const Error& error) {
        if (error.code() != Errc::not_found) throw;
        reason = error.what();
      }
    }
    const std::string known = some_blobs();
    throw Error(Errc::not_found, "project " + in_quotes(project_.name) + " has no blob " +
                                     in_quotes(request.blob) +
                                     (known.empty() ? "" : "; it has: " + known) + "\nLooked in " +
                                     storage_.locker() + " for: " + joined(request.candidates) +
                                     (known.empty() ? "\n" + reason : ""));
  }

  // "a.tgz, b.tgz": some that could have been meant. Empty when they cannot be listed.
  std::string some_blobs() const {
    constexpr size_t most = 5;
    std::vector<std::string> names;
    for (const auto& prefix : project_.prefixes) {
      try {
        storage_.list(prefix, [&](std::string_view line) {
          const auto blob = support::parse_json(line, "the locker's list of blobs");
          const std::string name = support::text_or(blob, "name", "");
          if (name.size() > prefix.size())
            names.push_back(names.size() < most ? name.substr(prefix.size()) : "...");
          return names.size() <= most;
        });
      } catch (const Error&) {
        // The listing was ended, or cannot be had: another answer than the one that is asked for.
      }
      if (names.size() > most) break;
    }
    return joined(names);
  }

  void print_json() const {
    using support::Object;
    const auto add_done = [](support::JsonWriter& json, const Done& done) {
      Object(json)
          .text("blob", done.blob)
          .text("path", std::filesystem::absolute(done.path).lexically_normal().string())
          .number("bytes", done.result.bytes)
          .number("resumed", done.result.resumed)
          .boolean("checked", done.result.checked);
    };
    const auto add_failed = [](support::JsonWriter& json, const Failed& failed) {
      Object(json).text("blob", failed.blob).text("error", support::well_formed(failed.error));
    };
    call_.print(support::shown_json(support::json_object([&](Object& result) {
      result.list("downloaded", done_, add_done).list("failed", failed_, add_failed);
    })));
  }

  const jetpack::Call& call_;
  jetpack::download::Project project_;
  jetpack::Storage storage_;
  jetpack::ProgressBar bar_;
  std::vector<Request> requests_;
  std::string root_;  // of all in below_
  std::vector<Below> below_;
  std::set<std::string> paths_;
  std::vector<Done> done_;
  std::vector<Failed> failed_;
};

int run_download(const jetpack::Call& call) {
  std::vector<std::string_view> blobs{*call.text("BLOB")};
  const auto others = call.texts("DEST");
  std::optional<std::string> destination;
  if (!others.empty()) {
    destination = std::string(others.back());
    blobs.insert(blobs.end(), others.begin(), others.end() - 1);
  }
  if (destination && destination->empty()) throw Error(Errc::usage, "the destination is empty");
  if (blobs.size() > 1 && !jetpack::download::names_directory(*destination))
    throw Error(Errc::usage,
                in_quotes(*destination) +
                    " is not a directory\nWith several blobs, the last argument must be a "
                    "directory; end it with '/' to have it created.");
  if (destination && jetpack::download::is_standard_output(*destination) &&
      (call.flag("json") || call.flag("recursive")))
    throw Error(Errc::usage,
                "standard output as destination cannot be combined with --json or --recursive");
  Downloads downloads(call);
  for (const auto blob : blobs) {
    if (call.flag("recursive")) {
      downloads.add_prefix(blob, destination);
    } else {
      downloads.add_blob(blob, destination);
    }
  }
  return downloads.run();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.download", "1.0.0", jetpack::needs<jetpack::Storage>(),
    jetpack::command(
        "download", "Download a blob of a project from the locker", run_download,
        jetpack::argument("BLOB",
                          "Name of the blob in the project, such as big-file.zip or pkg/tool.tgz"),
        jetpack::argument(
            "DEST",
            "File or directory to download to, or - for standard output; default is the current "
            "directory. With several arguments, the last is a directory and the others are blobs")
            .optional()
            .repeated(),
        jetpack::option("project", "NAME", "Name of the project; optional in cluster-init scripts")
            .values_from("test --list"),
        jetpack::flag("recursive", 'r', "Download all blobs below BLOB; '.' is the whole project"),
        jetpack::flag("fresh", "Start over instead of resuming an interrupted download"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Looks for blobs/PROJECT/BLOB in the locker first, then for "
            "projects/PROJECT/blobs/BLOB, "
            "and in a cluster-init script for the blobs of the running project version.\n\n"
            "The file appears under its name, replacing an existing file, only when it is complete "
            "and its checksum has been verified. Running the command again resumes an interrupted "
            "download. With --recursive, many blobs are downloaded at once, and a file that "
            "already "
            "has the size and checksum of its blob stays as it is, unless --fresh is given. "
            "Nothing "
            "is printed on standard output without --json."),
        jetpack::example("jetpack download --project example-project big-file.zip .",
                         "Download big-file.zip to the current directory"),
        jetpack::example("jetpack download --project demo a.tgz b.tgz /opt/packages/",
                         "Download two blobs to a directory, creating it"),
        jetpack::example("jetpack download --project demo --recursive licenses /etc/app/",
                         "Download all blobs below licenses/ to /etc/app/licenses")));
