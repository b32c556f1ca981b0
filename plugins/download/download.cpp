// `jetpack download`: blobs of a project, from the node's locker to files.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/plugin.hpp>
#include "download/destination.hpp"
#include "download/progress_bar.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

constexpr size_t max_listed = 1'000'000;  // blobs below one prefix

// Where the blobs of a project are looked for, in this order.
struct Project {
  std::string name;
  std::vector<std::string> places;  // each ends in '/'
};

// What is wanted, and what became of it.
struct Wanted {
  std::string blob;                 // as it was asked for
  std::vector<std::string> places;  // full names, in the order to look for them
  std::string path;
};
struct Done {
  std::string blob;  // the full name
  std::string path;
  jetpack::Downloaded result;
};
struct Failed {
  std::string blob;
  std::string error;
};

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string in_quotes(std::string_view text) { return "'" + support::one_line(text) + "'"; }

Project project_of(const jetpack::Call& call) {
  const std::string inferred = from_environment("CYCLECLOUD_PROJECT_NAME");
  Project project;
  project.name = call.given("project") ? std::string(*call.text("project")) : inferred;
  if (project.name.empty())
    throw Error(Errc::usage,
                "which project? give it with --project NAME\nIt is known by itself only inside a "
                "cluster-init script, where CYCLECLOUD_PROJECT_NAME is set.");
  if (!jetpack::download::is_safe_name(project.name) || project.name.find('/') != std::string::npos)
    throw Error(Errc::usage, in_quotes(project.name) + " cannot be a project's name");
  project.places = {"blobs/" + project.name + "/", "projects/" + project.name + "/blobs/"};
  // The version is that of the project whose script runs, not of any other.
  const std::string version = from_environment("CYCLECLOUD_PROJECT_VERSION");
  const bool has_version = project.name == inferred && !version.empty() &&
                           jetpack::download::is_safe_name(version) &&
                           version.find('/') == std::string::npos;
  if (has_version) {
    const std::string versioned = "projects/" + project.name + "/" + version + "/blobs/";
    project.places.push_back(versioned);
    project.places.push_back("cache/" + versioned);
  }
  return project;
}

std::string check_name(std::string_view blob) {
  if (!jetpack::download::is_safe_name(blob))
    throw Error(Errc::usage, "cannot download " + in_quotes(blob) +
                                 ": a blob's name is relative, and has no segment that is empty, "
                                 "'.' or '..', and no control character");
  return std::string(blob);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + support::one_line(text);
  return all;
}

// One run of the verb: what it brings, and what it tells.
class Downloads {
 public:
  explicit Downloads(const jetpack::Call& call)
      : call_(call),
        project_(project_of(call)),
        storage_(call.service<jetpack::Storage>()),
        bar_(call) {}

  void add_blob(std::string_view name, const std::optional<std::string>& destination) {
    Wanted wanted{check_name(name), {}, {}};
    for (const auto& place : project_.places) wanted.places.push_back(place + wanted.blob);
    wanted.path = jetpack::download::place_of(jetpack::download::base_name(name), destination);
    add(std::move(wanted));
  }

  // All blobs below `prefix`, or of the whole project for ".".
  void add_prefix(std::string_view prefix, const std::optional<std::string>& destination) {
    while (prefix.size() > 1 && prefix.ends_with('/')) prefix.remove_suffix(1);
    const bool is_all = prefix == ".";
    const std::string below = is_all ? "" : check_name(prefix) + "/";
    const auto found = find_below(below);
    if (found.empty())
      throw Error(Errc::not_found, "cannot download " + in_quotes(prefix) + " of project " +
                                       in_quotes(project_.name) + ": " + storage_.locker() +
                                       " has no blob below it\nLooked for: " + joined(all(below)));
    std::string folder =
        is_all ? destination.value_or(".")
               : jetpack::download::place_of(jetpack::download::base_name(prefix), destination);
    folder += '/';
    for (const auto& [name, blob] : found) {
      if (jetpack::download::is_safe_name(name)) {
        add({below + name, {blob}, folder + name});
      } else {
        failed_.push_back({blob, "refused " + in_quotes(blob) +
                                     ": a file of this name would not be below " + folder});
      }
    }
  }

  int run() {
    const bool is_one = wanted_.size() == 1 && failed_.empty();
    for (const auto& wanted : wanted_) {
      try {
        if (call_.flag("recursive"))
          jetpack::download::make_folders(
              std::filesystem::path(wanted.path).parent_path().string());
        done_.push_back(fetch(wanted));
      } catch (const Error& error) {
        bar_.clear();
        if (is_one && !call_.flag("json")) throw;
        failed_.push_back({wanted.blob, error.what()});
        // Nothing that follows would fare better.
        if (error.code() == Errc::denied || error.code() == Errc::unavailable) break;
      }
    }
    for (const auto& failed : failed_) call_.report("jetpack: " + failed.error + "\n");
    const size_t missing = wanted_.size() - std::min(wanted_.size(), done_.size());
    if (!is_one && !failed_.empty())
      call_.report("jetpack: " + std::to_string(done_.size()) + " downloaded, " +
                   std::to_string(std::max(missing, failed_.size())) + " not\n");
    if (call_.flag("json")) print_json();
    return failed_.empty() ? 0 : 1;
  }

 private:
  std::vector<std::string> all(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& place : project_.places) names.push_back(place + name);
    return names;
  }

  void add(Wanted wanted) {
    if (!paths_.insert(wanted.path).second)
      throw Error(Errc::usage, "two blobs would become " + in_quotes(wanted.path) +
                                   "\nDownload one of them under another name.");
    wanted_.push_back(std::move(wanted));
  }

  // Relative names, and the blob that the first place has for each.
  std::map<std::string, std::string> find_below(const std::string& below) const {
    std::map<std::string, std::string> found;
    for (const auto& prefix : all(below))
      storage_.list(prefix, [&](std::string_view line) {
        const auto blob = support::parse_json(line, "the locker's list of blobs");
        const std::string name = support::text_or(blob, "name", "");
        if (!name.starts_with(prefix))
          throw Error(Errc::corrupt,
                      "the locker listed " + in_quotes(name) + " below " + in_quotes(prefix));
        found.emplace(name.substr(prefix.size()), name);
        if (found.size() > max_listed)
          throw Error(Errc::failed, "more than " + std::to_string(max_listed) +
                                        " blobs are below " + in_quotes(prefix));
        return true;
      });
    return found;
  }

  Done fetch(const Wanted& wanted) {
    jetpack::download::check_place(wanted.path);
    bar_.begin(wanted.blob);
    jetpack::DownloadOptions options;
    options.fresh = call_.flag("fresh");
    options.progress = [this](uint64_t done, uint64_t total) {
      bar_.update(done, total);
      return true;
    };
    std::string reason;
    for (const auto& blob : wanted.places) {
      try {
        const auto result = storage_.download(blob, wanted.path, options);
        bar_.finish(result.bytes);
        return {blob, wanted.path, result};
      } catch (const Error& error) {
        if (error.code() != Errc::not_found) throw;
        reason = error.what();
      }
    }
    throw Error(Errc::not_found, "cannot download " + in_quotes(wanted.blob) + " of project " +
                                     in_quotes(project_.name) + ": " + storage_.locker() +
                                     " has no such blob\nLooked for: " + joined(wanted.places) +
                                     "\n" + reason);
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
    call_.print(support::json_object([&](Object& result) {
                  result.list("downloaded", done_, add_done).list("failed", failed_, add_failed);
                }) +
                '\n');
  }

  const jetpack::Call& call_;
  Project project_;
  jetpack::Storage storage_;
  jetpack::download::ProgressBar bar_;
  std::vector<Wanted> wanted_;
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
  if (blobs.size() > 1 && !jetpack::download::means_folder(*destination))
    throw Error(Errc::usage, in_quotes(*destination) +
                                 " is not a folder\nWith several blobs, the last word is the "
                                 "folder for all; end it with '/' to have it made.");
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
        jetpack::argument("BLOB", "The blob's name in the project: big-file.zip, pkg/tool.tgz"),
        jetpack::argument("DEST",
                          "A file, or a folder where it keeps its name; by default the current "
                          "folder. Of several words the last is a folder and the others are blobs")
            .optional()
            .repeated(),
        jetpack::option("project", "NAME", "The project; known by itself in cluster-init scripts"),
        jetpack::flag("recursive", 'r', "Download all blobs below BLOB; '.' is the whole project"),
        jetpack::flag("fresh", "Begin anew even where an interrupted download could be continued"),
        jetpack::flag("json", "Print what was downloaded as JSON"),
        jetpack::description(
            "The user's blob, blobs/PROJECT/BLOB in the locker, goes before the project's, "
            "projects/PROJECT/blobs/BLOB, and that before those of the version that runs a "
            "cluster-init script.\n\n"
            "A file appears under its name when it is whole and its checksum has been compared; "
            "until then it grows beside it, and a second run continues an interrupted one. What "
            "stood there before is replaced. Standard output stays empty without --json."),
        jetpack::example("jetpack download --project example-project big-file.zip .",
                         "The blob big-file.zip, to the current folder"),
        jetpack::example("jetpack download --project demo a.tgz b.tgz /opt/packages/",
                         "Two blobs to a folder, which is made"),
        jetpack::example("jetpack download --project demo --recursive licenses /etc/app/",
                         "All blobs below licenses/, to /etc/app/licenses")));
