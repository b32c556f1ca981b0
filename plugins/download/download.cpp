// `jetpack download`: downloads blobs of a project from the node's locker.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/plugin.hpp>
#include <jetpack/progress.hpp>
#include "download/destination.hpp"
#include "download/project.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

// Blobs below one prefix: each takes some hundred bytes of memory.
constexpr size_t max_listed = 250'000;

// A requested blob, and its outcome.
struct Request {
  std::string blob;                     // as given on the command line
  std::vector<std::string> candidates;  // full names, in lookup order
  std::string path;
  std::string root = {};      // with --recursive: the directory that `path` is below
  bool is_directory = false;  // to be created
};
// What a listing says of a blob.
struct Listed {
  std::string blob;  // full name
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
    add(std::move(request));
  }

  // All blobs below `prefix`; "." is the whole project.
  void add_prefix(std::string_view prefix, const std::optional<std::string>& destination) {
    while (prefix.size() > 1 && prefix.ends_with('/')) prefix.remove_suffix(1);
    const bool is_all = prefix == ".";
    const std::string below = is_all ? "" : check_name(prefix) + "/";
    const auto found = find_below(below);
    if (found.empty())
      throw Error(Errc::not_found,
                  "cannot download " + in_quotes(prefix) + " of project " +
                      in_quotes(project_.name) + ": " + storage_.locker() +
                      " has no blob below it\nLooked in: " + joined(with_prefixes(below)));
    const std::string root = destination.value_or(".");
    const bool is_new = destination && !jetpack::download::names_directory(root);
    std::string directory = root + '/';
    if (!is_all && !is_new) directory.append(jetpack::download::base_name(prefix)) += '/';
    for (const auto& [name, listed] : found) {
      if (jetpack::download::is_safe_name(name)) {
        add({below + name, {listed.blob}, directory + name, root, listed.is_directory});
      } else {
        failed_.push_back({listed.blob, "cannot download " + in_quotes(listed.blob) +
                                            ": a file of this name would not be below " + root});
      }
    }
  }

  int run() {
    const bool is_one = requests_.size() == 1 && failed_.empty();
    for (const auto& request : requests_) {
      try {
        if (request.is_directory) {
          const jetpack::download::DirectoryBelow created(request.root, name_below(request), true);
        } else {
          done_.push_back(fetch(request));
        }
      } catch (const Error& error) {
        bar_.clear();
        if (is_one && !call_.flag("json")) throw;
        failed_.push_back({request.blob, error.what()});
        // The remaining downloads would fail the same way.
        if (error.code() == Errc::denied || error.code() == Errc::unavailable) break;
      }
    }
    for (const auto& failed : failed_)
      call_.report("jetpack: " + support::printable(failed.error) + "\n");
    const auto blobs = static_cast<size_t>(
        std::count_if(requests_.begin(), requests_.end(),
                      [](const Request& request) { return !request.is_directory; }));
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

  void add(Request request) {
    if (!paths_.insert(request.path).second)
      throw Error(Errc::usage, "two blobs have the same destination, " + in_quotes(request.path) +
                                   "\nDownload one of them under another name.");
    requests_.push_back(std::move(request));
  }

  using Tree = std::map<std::string, Listed>;

  // Maps relative names to blobs; the first prefix that has a name wins.
  Tree find_below(const std::string& below) const {
    Tree found;
    std::vector<std::string> empty_blobs;
    for (const auto& prefix : with_prefixes(below))
      storage_.list(prefix, [&](std::string_view line) {
        const auto blob = support::parse_json(line, "the locker's list of blobs");
        const std::string full = support::text_or(blob, "name", "");
        if (!full.starts_with(prefix))
          throw Error(Errc::corrupt,
                      "the locker listed " + in_quotes(full) + " below " + in_quotes(prefix));
        std::string name = full.substr(prefix.size());
        const auto* marker = support::find_member(blob, "directory");
        bool is_directory = marker != nullptr && marker->IsTrue();
        for (; name.ends_with('/'); name.pop_back()) is_directory = true;
        // The marker of the prefix itself.
        if (name.empty() && is_directory) return true;
        const auto* bytes = support::find_member(blob, "bytes");
        if (bytes != nullptr && bytes->IsUint() && bytes->GetUint() == 0)
          empty_blobs.push_back(name);
        auto& listed = found.try_emplace(std::move(name), Listed{full, is_directory}).first->second;
        listed.is_directory = listed.is_directory || is_directory;
        if (found.size() > max_listed)
          throw Error(Errc::failed, "too many blobs below " + in_quotes(prefix) +
                                        ", the limit is " + std::to_string(max_listed));
        return true;
      });
    for (const auto& name : empty_blobs) {
      const auto child = found.lower_bound(name + '/');
      if (child != found.end() && child->first.starts_with(name + '/'))
        found[name].is_directory = true;
    }
    return found;
  }

  // The path of a blob of --recursive, below the destination.
  static std::string name_below(const Request& request) {
    return request.path.substr(request.root.size() + 1);
  }

  Done fetch(const Request& request) {
    namespace destination = jetpack::download;
    if (!request.root.empty()) {
      const std::string name = name_below(request);
      const destination::DirectoryBelow entered(request.root, support::parent_directory(name));
      const std::string file(destination::base_name(name));
      destination::check_writable(file);
      return fetch_to(request, file);
    }
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
    jetpack::DownloadOptions options;
    options.fresh = call_.flag("fresh");
    options.progress = [this](uint64_t done, uint64_t total) {
      bar_.update(done, total);
      return true;
    };
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
            "download. Nothing is printed on standard output without --json."),
        jetpack::example("jetpack download --project example-project big-file.zip .",
                         "Download big-file.zip to the current directory"),
        jetpack::example("jetpack download --project demo a.tgz b.tgz /opt/packages/",
                         "Download two blobs to a directory, creating it"),
        jetpack::example("jetpack download --project demo --recursive licenses /etc/app/",
                         "Download all blobs below licenses/ to /etc/app/licenses")));
