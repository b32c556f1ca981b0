// Runs Chef in local mode.
#include "converge/chef.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/copy_tree.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"

namespace jetpack::converge {

namespace fs = std::filesystem;

namespace {

constexpr unsigned private_mode = 0600;

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string find_client(const Config& config) {
  constexpr const char* key = "cyclecloud.jetpack.chef_client";
  const std::string configured = support::text_setting(key, config.get(key));
  if (!configured.empty()) return ::access(configured.c_str(), X_OK) == 0 ? configured : "";
  for (const char* name : {"cinc-client", "chef-client", "cinc-solo", "chef-solo"})
    for (const char* directory :
         {"/opt/cinc/bin/", "/opt/chef/bin/", "/usr/local/bin/", "/usr/bin/"})
      if (std::string path = std::string(directory) + name; ::access(path.c_str(), X_OK) == 0)
        return path;
  return {};
}

void add_unless_there(std::vector<std::string>& list, const std::vector<std::string>& items) {
  for (const auto& item : items)
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

// One run of the client.
class ChefRun {
 public:
  ChefRun(const Config& config, Narrator& narrator, const std::string& home,
          const std::vector<support::Spec>& specs, const ChefPlan& plan)
      : config_(config),
        narrator_(narrator),
        home_(home),
        base_(home + "/system/chef"),
        repository_(base_ + "/chef-repo"),
        specs_(specs),
        plan_(plan) {}

  Task prepare() {
    merge();
    support::create_directories(base_ + "/cache", 0755);
    support::write_durably(base_ + "/client.rb", settings(), private_mode);
    support::write_durably(base_ + "/attributes.json", attributes(), private_mode);
    std::vector<std::string> argv{
        plan_.client, "-c", base_ + "/client.rb", "-j", base_ + "/attributes.json", "--no-color"};
    if (!plan_.client.ends_with("-solo")) argv.emplace_back("--local-mode");
    return {std::move(argv), support::script_environment(home_, home_, {}), base_};
  }

 private:
  // Later specs replace cookbooks of earlier ones.
  void merge() const {
    const std::string fresh = repository_ + ".new", old = repository_ + ".old";
    fs::remove_all(fresh);
    for (const char* part : {"cookbooks", "roles", "data_bags"})
      fs::create_directories(fresh + '/' + part);
    add_parts(support::parent_directory(support::parent_directory(support::program_path())) +
                  "/share/jetpack/chef/cookbooks",
              fresh + "/cookbooks");
    for (const auto& spec : specs_) {
      const std::string from = chef_directory(home_, spec);
      for (const char* part : {"cookbooks", "site-cookbooks"})
        add_parts(from + '/' + part, fresh + "/cookbooks");
      for (const char* part : {"roles", "data_bags"})
        add_parts(from + '/' + part, fresh + '/' + part);
    }
    fs::remove_all(old);
    if (fs::exists(repository_)) fs::rename(repository_, old);
    fs::rename(fresh, repository_);
    fs::remove_all(old);
  }

  void add_parts(const std::string& from, const std::string& to) const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(from, error)) {
      const fs::path target = fs::path(to) / entry.path().filename();
      if (fs::exists(target)) {
        narrator_.warn("Chef: " + entry.path().string() + " replaces one of another spec");
        fs::remove_all(target);
      }
      support::copy_tree(entry.path(), target, support::SymbolicLinks::skip);
    }
  }

  std::string settings() const {
    const auto quoted = [](const std::string& path) { return "'" + path + "'\n"; };
    return "chef_repo_path " + quoted(repository_) + "cookbook_path " +
           quoted(repository_ + "/cookbooks") + "role_path " + quoted(repository_ + "/roles") +
           "data_bag_path " + quoted(repository_ + "/data_bags") + "file_cache_path " +
           quoted(base_ + "/cache");
  }

  std::string attributes() const {
    auto document = support::parse_json(config_.require("", Format::json), "the configuration");
    std::vector<std::string> list;
    // Its resources are used without a dependency on it.
    if (fs::exists(repository_ + "/cookbooks/jetpack/recipes/default.rb"))
      list.emplace_back("recipe[jetpack]");
    if (fs::exists(repository_ + "/cookbooks/cyclecloud")) list.emplace_back("recipe[cyclecloud]");
    add_unless_there(list, plan_.run_list);
    if (fs::exists(repository_ + "/cookbooks/cluster_init"))
      add_unless_there(list, {"recipe[cluster_init]"});
    narrator_.say("Running Chef with the run list " + joined(list));
    auto& allocator = document.GetAllocator();
    rapidjson::Value items(rapidjson::kArrayType);
    for (const auto& item : list)
      items.PushBack(rapidjson::Value(item.c_str(), allocator), allocator);
    document.RemoveMember("run_list");
    document.AddMember("run_list", items, allocator);
    return support::to_pretty_json(document) + '\n';
  }

  const Config& config_;
  Narrator& narrator_;
  const std::string& home_;
  std::string base_, repository_;
  const std::vector<support::Spec>& specs_;
  const ChefPlan& plan_;
};

// The cookbook that the client did not find.
std::string missing_cookbook(const std::string& output) {
  for (const char* start : {"No such cookbook: ", "Cookbook "}) {
    const size_t at = output.rfind(start);
    if (at == std::string::npos) continue;
    const std::string_view rest =
        std::string_view(output).substr(at + std::string_view(start).size());
    const std::string_view name = rest.substr(0, rest.find_first_of(" \n,"));
    const bool is_missing = *start == 'N' || rest.substr(name.size()).starts_with(" not found");
    if (is_missing && !name.empty()) return support::one_line(name);
  }
  return {};
}

Failure chef_failure(int code, const std::string& output) {
  Failure failure;
  failure.code = code;
  failure.detail = "Chef output:\n" + output;
  if (const std::string name = missing_cookbook(output); !name.empty()) {
    failure.description = "Error resolving Chef cookbooks - No such cookbook: " + name;
    failure.recommendation =
        "Check that a project of this node has the cookbook, and that it was uploaded";
  } else {
    failure.description = "Failed to run Chef (return code: " + std::to_string(code) + ')';
    failure.recommendation = "See logs/chef-client.log; correct the cookbooks and try again";
  }
  return failure;
}

}  // namespace

ChefPlan plan_chef(const Config& config, const std::vector<support::Spec>& specs) {
  ChefPlan plan;
  if (const auto all = config.get("", Format::json)) {
    const auto document = support::parse_json(*all, "the configuration");
    if (const auto* list = support::find_value(document, "run_list"))
      plan.run_list = support::run_list_in(*list);
  }
  for (const auto& spec : specs) add_unless_there(plan.run_list, spec.run_list);
  if (plan.run_list.empty() || !config.flag_or("cyclecloud.enable_chef", true)) return {};
  plan.client = find_client(config);
  if (plan.client.empty()) {
    Failure failure;
    failure.description = "Chef is not installed, and the run list asks for it: " +
                          support::one_line(joined(plan.run_list));
    failure.recommendation =
        "Install Cinc or Chef in the image, remove the run list, or set cyclecloud.enable_chef to "
        "false";
    throw Failed(failure);
  }
  return plan;
}

std::string chef_directory(const std::string& home, const support::Spec& spec) {
  return home + "/system/chef/specs/" + spec.project + '/' + spec.name;
}

void run_chef(const Process& process, const Config& config, Narrator& narrator,
              const std::string& home, const std::vector<support::Spec>& specs,
              const ChefPlan& plan, Step& step, const Tick& tick) {
  ::rename((home + "/logs/chef-client.log").c_str(), (home + "/logs/chef-client.log.1").c_str());
  try {
    OutputFile output(home + "/logs", "chef-client.log");
    step.log = output.path();
    const Task task = ChefRun(config, narrator, home, specs, plan).prepare();
    narrator.progress().begin("Chef");
    const Ran ran = run_task(process, task, output, [&](std::chrono::milliseconds elapsed) {
      const std::string piece = output.read_more();
      narrator.echo(piece);
      narrator.progress().update(elapsed, piece);
      tick(elapsed);
    });
    narrator.progress().clear();
    step.elapsed_ms = ran.elapsed.count();
    step.code = ran.code;
    if (ran.code != 0) throw Failed(chef_failure(ran.code, output.tail()));
  } catch (const fs::filesystem_error& e) {
    throw Error(Errc::failed, "cannot merge the cookbooks: " + std::string(e.what()));
  }
}

}  // namespace jetpack::converge
