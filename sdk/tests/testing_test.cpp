// The test host, by a plugin that uses all of it.
#include <jetpack/plugin.hpp>
#include <jetpack/prompt.hpp>
#include <jetpack/testing.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using jetpack::Call, jetpack::Config, jetpack::Errc, jetpack::Error, jetpack::Json;

int values(const Call& call) {
  Json all = Json::object();
  for (const char* name : {"level", "NAME"})
    if (const auto text = call.text(name)) all.set(name, *text);
  all.set("count", call.integer("count").value_or(-1));
  all.set("wait", call.duration("wait") ? call.duration("wait")->count() : -1);
  all.set("force", call.flag("force")).set("given", call.given("count"));
  Json rest = Json::array();
  for (const auto text : call.texts("REST")) rest.add(text);
  call.print(all.set("rest", rest).dump());
  return 0;
}

int facts(const Call& call) {
  const auto config = call.service<Config>();
  call.print(config.get_or("gpu.model", "none") + ' ' +
             std::to_string(config.integer_or("gpu.count", 0)) + ' ' +
             config.property("rack").value_or("none") + ' ' +
             call.service<jetpack::Session>().identity("node").value_or("nobody"));
  config.set_property("seen.it", "true");
  call.service<jetpack::Log>().warning("looked");
  return 0;
}

int send(const Call& call) {
  jetpack::Sender sender(call);
  sender.publish(jetpack::log_message("hello"));
  return sender.finish();
}

int ask_server(const Call& call) {
  const auto reply = call.service<jetpack::Session>().request({.path = "/nodes?x=1"});
  call.print(std::to_string(reply.status) + ' ' + reply.body);
  return 0;
}

int run_tool(const Call& call) {
  const auto result = call.service<jetpack::Process>().run(
      {.argv = {"/usr/bin/tool", "list"}, .deadline = std::chrono::seconds(1)});
  call.print(result.out + (result.timed_out ? "timed out" : std::to_string(result.exit_code)));
  return 0;
}

int start_tool(const Call& call) {
  std::string heard;
  auto running = call.service<jetpack::Process>().start(
      {.argv = {"tool"}, .on_out = [&](std::string_view piece) { heard += piece; }});
  const auto result = running.result();
  call.print(heard + std::to_string(result->exit_code));
  return 0;
}

int blobs(const Call& call) {
  const auto storage = call.service<jetpack::Storage>();
  std::string content = "new";
  storage.upload("b/new.txt", [&](char* buffer, size_t) {
    const size_t size = content.copy(buffer, content.size());
    content.clear();
    return size;
  });
  storage.list("b/", [&](std::string_view line) {
    call.print(std::string(Json::parse(line)["name"].text_or("")) + '\n');
    return true;
  });
  storage.download("b/old.txt", call.temp_dir() + "/old.txt");
  call.print(std::to_string(std::filesystem::file_size(call.temp_dir() + "/old.txt")) + '\n');
  call.print(storage.properties("nosuch") ? "there" : "not there");
  return 0;
}

int conditions(const Call& call) {
  const auto all = call.service<jetpack::Conditions>();
  all.set("gpu", jetpack::Health::error, "fell off");
  all.set("ib", jetpack::Health::warning);
  call.print(all.clear("ib") ? "cleared " : "? ");
  call.print(all.clear("ib") ? "? " : "none ");
  call.print(std::to_string(all.list().size()));
  return 0;
}

int directories(const Call& call) {
  std::ofstream(call.state_dir() + "/kept") << "x";
  call.print(call.service<jetpack::Self>().plugin_id() + ' ' + call.temp_dir());
  return 0;
}

int loop(const Call& call) {
  int rounds = 0;
  while (!call.cancelled()) ++rounds;
  call.print(std::to_string(rounds));
  return 3;
}

int remove_all(const Call& call) {
  if (!jetpack::confirm(call, "Remove everything?")) return 1;
  call.print("removed " + jetpack::prompt(call, "Why", "--why", "no reason"));
  return 0;
}

int fail(const Call&) { throw Error(Errc::denied, "not allowed"); }
int too_much(const Call&) { return 300; }

using jetpack::argument, jetpack::command, jetpack::flag, jetpack::option;

}  // namespace

JETPACK_PLUGIN(
    "com.example.kit", "1.0.0", jetpack::needs<Config>(),
    command("kit values", "Print all values", values,
            option("level", 'l', "LEVEL", "A level").choices("Low", "High").fallback("Low"),
            option("count", 'c', "N", "How many").integer(1, 5),
            option("wait", "TIME", "How long").duration(), flag("force", 'f', "Force").negatable(),
            argument("NAME", "A name"), argument("REST", "The rest").repeated().optional()),
    command("kit facts", "Print facts", facts),
    command("kit send", "Send", send, jetpack::wait_option(), flag("json", "Print JSON")),
    command("kit ask", "Ask", ask_server), command("kit run", "Run", run_tool),
    command("kit start", "Start", start_tool), command("kit blobs", "Blobs", blobs),
    command("kit conditions", "Conditions", conditions),
    command("kit directories", "Directories", directories), command("kit loop", "Loop", loop),
    command("kit remove", "Remove", remove_all, jetpack::yes_option()),
    command("kit fail", "Fail", fail), command("kit much", "Return too much", too_much));

using jetpack::testing::FakeHost;

TEST_CASE("values arrive as from the command line") {
  FakeHost h;
  const auto values_of = [&](const std::vector<std::string>& words) {
    const auto r = h.run("kit values", words);
    return r.code == 0 ? r.out : std::to_string(r.code) + ' ' + r.err;
  };
  CHECK(values_of({"a"}) == R"({"level":"Low","NAME":"a","count":-1,"wait":-1,"force":false,)"
                            R"("given":false,"rest":[]})");
  const std::string full = R"({"level":"High","NAME":"a","count":3,"wait":90000,"force":true,)"
                           R"("given":true,"rest":["b","-"]})";
  CHECK(values_of({"--level=high", "--count", "3", "--wait", "90", "-f", "a", "b", "-"}) == full);
  CHECK(values_of({"a", "-lHIGH", "b", "-fc3", "--wa=90s", "--", "-"}) == full);
  CHECK(values_of({"-f", "--no-force", "-c", "2", "-c=4", "-5"})
            .find(R"("NAME":"-5","count":4,"wait":-1,"force":false)") != std::string::npos);
  for (const auto& [words, expected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "missing NAME"},
           {{"a", "--nosuch"}, "unknown option '--nosuch'"},
           {{"a", "-x"}, "unknown option '-x'"},
           {{"a", "--count", "9"}, "Invalid count: 9; expected a whole number from 1 to 5"},
           {{"a", "--count", "x"}, "Invalid count: x; expected a whole number from 1 to 5"},
           {{"a", "-l", "mid"}, "Invalid level: mid; use Low or High"},
           {{"a", "--wait", "soon"}, "Invalid wait: soon; expected a duration"},
           {{"a", "--count"}, "option '--count' requires a value"},
           {{"a", "--force=yes"}, "option '--force' takes no value"}}) {
    CHECK(values_of(words).find("2 jetpack kit values: " + expected) == 0);
  }
}

TEST_CASE("unknown commands, errors and exit codes") {
  FakeHost h;
  CHECK(h.run("kit nosuch").code == 127);
  CHECK(h.run("kit fail").code == 1);
  CHECK(h.run("kit fail").err == "jetpack kit fail: not allowed\n");
  CHECK(h.run("kit much").code == 1);
  CHECK(h.run("kit much").err.find("internal error: the command returned 300") !=
        std::string::npos);
}

TEST_CASE("configuration, properties, identity and log") {
  FakeHost h;
  CHECK(h.run("kit facts").out == "none 0 none nobody");
  h.config("gpu.model", "A100")
      .config("gpu.count", 8)
      .property("rack", "r12")
      .identity("node", "n1");
  CHECK(h.run("kit facts").out == "A100 8 r12 n1");
  CHECK(h.properties().at_path("seen.it").bool_or(false));
  REQUIRE(h.log().size() == 2);
  CHECK(h.log()[0].level == JP_LEVEL_WARNING);
  CHECK(h.log()[0].text == "looked");
}

TEST_CASE("messages are recorded, and queued when the server is away") {
  FakeHost h;
  auto r = h.run("kit send");
  CHECK(r.code == 0);
  CHECK(r.err == "jetpack kit send: delivered\n");
  REQUIRE(h.published().size() == 1);
  CHECK(h.published()[0].type == "log");
  CHECK(h.published()[0].data["message"].text_or("") == "hello");
  CHECK(h.published()[0].wait_ms == JP_WAIT_DEFAULT);
  r = h.offline().run("kit send", {"--wait", "5s", "--json"});
  CHECK(r.code == 1);
  CHECK(r.err.find("queued: the server refused the connection") != std::string::npos);
  CHECK_FALSE(Json::parse(r.out)[0]["delivered"].bool_or(true));
  CHECK(h.published()[1].wait_ms > 0);
}

TEST_CASE("requests are answered as scripted") {
  FakeHost h;
  CHECK(h.run("kit ask").out == "404 ");
  h.reply("GET /nodes", 200, "[]");
  CHECK(h.run("kit ask").out == "200 []");
  h.reply("GET /nodes?x=1", 500, "no");
  CHECK(h.run("kit ask").out == "500 no");
  CHECK(h.requests().size() == 3);
  CHECK(h.offline("away").run("kit ask").err == "jetpack kit ask: away\n");
}

TEST_CASE("programs do what is scripted, and are not found otherwise") {
  FakeHost h;
  auto r = h.run("kit run");
  CHECK(r.code == 1);
  CHECK(r.err.find("cannot run /usr/bin/tool") != std::string::npos);
  h.process("tool", {.out = "any ", .exit_code = 4});
  CHECK(h.run("kit run").out == "any 4");
  h.process("/usr/bin/tool list", {.out = "list ", .hangs = true});
  CHECK(h.run("kit run").out == "list timed out");
  CHECK(h.run("kit start").out == "any 4");
  CHECK(h.processes().back().argv == std::vector<std::string>{"tool"});
  h.process("tool", {.hangs = true});
  CHECK(h.run("kit start").err.find("started without a deadline") != std::string::npos);
}

TEST_CASE("the locker is a directory") {
  FakeHost h;
  std::filesystem::create_directory(h.locker() + "/b");
  std::ofstream(h.locker() + "/b/old.txt") << "12345";
  const auto r = h.run("kit blobs");
  CHECK(r.err == "");
  CHECK(r.out == "b/new.txt\nb/old.txt\n5\nnot there");
  CHECK(std::filesystem::file_size(h.locker() + "/b/new.txt") == 3);
}

TEST_CASE("conditions are kept and reported") {
  FakeHost h;
  CHECK(h.run("kit conditions").out == "cleared none 1");
  REQUIRE(h.conditions().size() == 1);
  CHECK(h.conditions()[0].name == "gpu");
  CHECK(h.conditions()[0].message == "fell off");
  REQUIRE(h.published().size() == 3);
  CHECK(h.published()[2].data.dump() == R"({"name":"ib","status":"OK"})");
}

TEST_CASE("the plugin has its directories, and the temporary one ends with the command") {
  FakeHost h;
  const auto r = h.run("kit directories");
  CHECK(r.out.starts_with("com.example.kit /"));
  CHECK_FALSE(std::filesystem::exists(r.out.substr(r.out.find('/'))));
  CHECK(std::filesystem::exists(h.home() + "/var/plugins/com.example.kit/kept"));
}

TEST_CASE("a command is cancelled after so many questions") {
  FakeHost h;
  const auto r = h.cancel(3).run("kit loop");
  CHECK(r.out == "3");
  CHECK(r.code == 3);
}

TEST_CASE("questions are answered, or refused without a terminal") {
  FakeHost h;
  auto r = h.run("kit remove");
  CHECK(r.code == 2);
  CHECK(r.err ==
        "jetpack kit remove: cannot ask 'Remove everything?' without a terminal; "
        "use --yes\n");
  r = h.run("kit remove", {"--yes"});
  CHECK(r.code == 2);
  CHECK(r.err == "jetpack kit remove: cannot ask 'Why' without a terminal; use --why\n");
  h.terminal();
  CHECK(h.input("n\n").run("kit remove").code == 1);
  CHECK(h.input("\n").run("kit remove").code == 1);
  CHECK(h.input("YES\nbecause\n").run("kit remove").out == "removed because");
  CHECK(h.input("y\n\n").run("kit remove").out == "removed no reason");
  CHECK(h.run("kit remove").err.find("Remove everything? [y/N] Why [no reason]: ") == 0);
  CHECK(h.input("").run("kit remove").err.ends_with("jetpack kit remove: no answer was given\n"));
  CHECK(h.input(std::string(5000, 'y')).run("kit remove").code == 1);
}

TEST_CASE("a service that is missing is an error, before the command when it is needed") {
  FakeHost h;
  CHECK(h.without(JP_SESSION).run("kit send").err ==
        "jetpack kit send: this jetpack does not offer jetpack.session/1\n");
  CHECK(h.without(JP_CONFIG).run("kit values", {"a"}).code == 1);
}
