// gpu.cpp: the commands `jetpack gpu list` and `jetpack gpu check`.
#include <jetpack/plugin.hpp>
#include <jetpack/table.hpp>
#include <sstream>

using jetpack::Call, jetpack::Errc, jetpack::Error, jetpack::Health, jetpack::Json;

// {"index", "name", "temperature", "errors"} of each GPU, as nvidia-smi says.
static Json gpus(const Call& call) {
  const auto result = call.service<jetpack::Process>().run(
      {.argv = {std::string(*call.text("tool")), "--format=csv,noheader,nounits",
                "--query-gpu=index,name,temperature.gpu,ecc.errors.uncorrected.volatile.total"},
       .deadline = *call.duration("deadline")});
  if (result.timed_out) throw Error(Errc::unavailable, "nvidia-smi timed out; is a GPU hung?");
  if (result.exit_code != 0) throw Error(Errc::failed, "nvidia-smi failed: " + result.err);
  Json all = Json::array();
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    Json gpu = Json::object();
    std::string field;
    for (const char* name : {"index", "name", "temperature", "errors"})
      if (std::getline(fields >> std::ws, field, ',')) gpu.set(name, field);
    all.add(gpu);
  }
  return all;
}

static int list(const Call& call) {
  const Json all = gpus(call);
  if (call.flag("json")) return call.print(all.pretty()), 0;
  jetpack::Table table({"GPU", "NAME", {"TEMP", jetpack::Align::right}, "ERRORS"});
  for (const Json& gpu : all.elements())
    table.row({std::string(gpu["index"].text_or("?")), std::string(gpu["name"].text_or("?")),
               std::string(gpu["temperature"].text_or("?")) + " C",
               std::string(gpu["errors"].text_or("?"))});
  call.print(table.text());
  return 0;
}

static int check(const Call& call) {
  std::string bad;
  for (const Json& gpu : gpus(call).elements())
    if (gpu["errors"].text_or("0") != "0") bad += " " + std::string(gpu["index"].text_or("?"));
  const auto conditions = call.service<jetpack::Conditions>();
  if (bad.empty()) return conditions.set("gpu", Health::ok), 0;
  conditions.set("gpu", Health::error, "uncorrected memory errors on GPU" + bad);
  throw Error(Errc::failed, "uncorrected memory errors on GPU" + bad);
}

constexpr auto tool = jetpack::option("tool", "FILE", "Program to ask").fallback("nvidia-smi");
constexpr auto deadline =
    jetpack::option("deadline", "TIME", "Time for an answer").duration().fallback("10s");
JETPACK_PLUGIN("com.example.gpu", "1.0.0",
               jetpack::command("gpu list", "List the GPUs of this node", list, tool, deadline,
                                jetpack::flag("json", "Print JSON")),
               jetpack::command("gpu check", "Set the condition gpu", check, tool, deadline));
