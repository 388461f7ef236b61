// Asks CheckOrder and writes down how long each answer took. usage: load KEY=VALUE...
//
//   target=unix:/path or host:port   seconds=1.2   most=N (asks at most)   warm=N (asked before, not counted)
//   mode=unary | stream | batch      inflight=1    rate=0 (asks each second by a clock, whatever comes back; 0: as answers
//   prefix=TEXT (of the ids)         channels=1    come)   instruments=N strategies=N size=100 (of a batch)   ca=FILE
//
// One caller alone waits in a blocking stub, as strategies do; more share a completion queue and one thread. With a rate, a
// second thread sends by the clock, and latency is counted from the moment when the call was due, so that a server that stalls does not hide what it delayed.
// Prints one line of JSON: counts, seconds, own processor time, and a histogram (see tests/bench/histogram.py).
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "risksvc/v1/strategy.grpc.pb.h"

using namespace risksvc::v1;
using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

struct Options {
  std::map<std::string, std::string> values;
  Options(int count, char** words) {
    for (int at = 1; at < count; at++) {
      std::string word = words[at];
      auto equals = word.find('=');
      if (equals == std::string::npos) throw std::runtime_error("not KEY=VALUE: " + word);
      values[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  std::string text(const std::string& key, const std::string& fallback = "") const {
    auto found = values.find(key);
    return found == values.end() ? fallback : found->second;
  }
  double number(const std::string& key, double fallback) const {
    auto found = values.find(key);
    return found == values.end() ? fallback : std::stod(found->second);
  }
};

// Nanoseconds, exact below 256, then 128 buckets to each power of two: off by less than 0.8 %.
struct Histogram {
  std::vector<long> counts = std::vector<long>(128 * 64);
  static size_t bucket(unsigned long value) {
    if (value < 256) return value;
    int shift = 63 - __builtin_clzl(value) - 7;
    return 128 * shift + (value >> shift);
  }
  void add(Clock::duration taken) {
    long value = std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count();
    counts[bucket(value < 0 ? 0 : value)]++;
  }
};

struct Tally {
  long asked = 0, answered = 0, denied = 0;
  std::map<int, long> failed;
  std::string problem;
  Moment began, ended;
  double cpu = 0;
  Histogram histogram;
};

double processor() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

// The orders, one after the other: small, by turns buy and sell, over all instruments and strategies.
class Orders {
 public:
  explicit Orders(const Options& options)
      : prefix_(options.text("prefix", "o")),
        instruments_(options.number("instruments", 1)),
        strategies_(options.number("strategies", 1)) {
    request.set_account("main");
    request.set_strategy_version("bench-1");
    request.set_type(ORDER_TYPE_LIMIT);
    request.set_quantity("0.001");
    request.mutable_intended_range()->set_low("-100000");
    request.mutable_intended_range()->set_high("100000");
    request.set_believed_position("0");
  }
  const CheckOrderRequest& next() {
    char id[64];
    snprintf(id, sizeof id, "%s-%09ld", prefix_.c_str(), made);
    request.set_client_order_id(id);
    request.set_instrument("C" + std::to_string(made % instruments_) + "/USDT:USDT");
    request.set_strategy("s" + std::to_string(made / instruments_ % strategies_));
    bool buy = made % 2;
    request.set_side(buy ? SIDE_BUY : SIDE_SELL);
    request.set_limit_price(buy ? "49999.5" : "50000.5");
    made++;
    return request;
  }
  long made = 0;
  CheckOrderRequest request;

 private:
  std::string prefix_;
  long instruments_, strategies_;
};

// Warm-up and measure: the first `warm` answers are not counted, then as long or as many as was asked for.
class Course {
 public:
  explicit Course(const Options& options)
      : warm_(options.number("warm", 50)), most_(options.number("most", 1e9)), seconds_(options.number("seconds", 1.2)) {}
  // True while more is to be asked.
  bool more(long asked) {
    if (!started_) return true;
    return asked < warm_ + most_ && Clock::now() < ends_;
  }
  void answered(Tally& tally, Moment from, const grpc::Status& status, const CheckOrderResponse& response) {
    answered(tally, from, status, 1, status.ok() && response.outcome() != OUTCOME_APPROVED);
    if (status.ok() && response.outcome() != OUTCOME_APPROVED && tally.problem.empty())
      tally.problem = response.denials_size() ? response.denials(0).message() : "denied without a reason";
  }
  void answered(Tally& tally, Moment from, const grpc::Status& status, long orders, long denied) {
    auto now = Clock::now();
    if (++seen_ == warm_ || (warm_ == 0 && !started_)) start(tally, now);
    if (seen_ <= warm_) {
      if (!status.ok() || denied) note(tally, status, denied);
      return;
    }
    if (!status.ok() || denied) {
      note(tally, status, denied);
      if (!status.ok()) return;
    }
    tally.answered += orders;
    tally.histogram.add(now - from);
    tally.ended = now;
  }
  void start(Tally& tally, Moment now) {
    if (started_) return;
    started_ = true;
    tally.began = tally.ended = now;
    tally.cpu = processor();
    ends_ = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
  }
  long warm() const { return warm_; }

 private:
  void note(Tally& tally, const grpc::Status& status, long denied) {
    tally.denied += denied;
    if (status.ok()) return;
    tally.failed[status.error_code()]++;
    if (tally.problem.empty()) tally.problem = status.error_message();
  }
  long warm_, most_, seen_ = 0;
  double seconds_;
  bool started_ = false;
  Moment ends_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::shared_ptr<grpc::Channel>> open(const Options& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!options.text("ca").empty()) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = contents(options.text("ca"));
    if (!options.text("key").empty()) {
      ssl.pem_private_key = contents(options.text("key"));
      ssl.pem_cert_chain = contents(options.text("certificate"));
    }
    credentials = grpc::SslCredentials(ssl);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  arguments.SetInt("grpc.enable_http_proxy", 0);
  arguments.SetInt("grpc.enable_retries", 0);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int number = 0; number < options.number("channels", 1); number++) {
    auto channel = grpc::CreateCustomChannel(options.text("target"), credentials, arguments);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)))
      throw std::runtime_error("no connection to " + options.text("target"));
    channels.push_back(channel);
  }
  return channels;
}

void patience(grpc::ClientContext& context, int seconds = 5) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

// -- one caller alone -------------------------------------------------------------------------------------------------

void ask_alone(const Options& options, Tally& tally) {
  auto stub = StrategyService::NewStub(open(options)[0]);
  Orders orders(options);
  Course course(options);
  CheckOrderResponse response;
  while (course.more(orders.made)) {
    grpc::ClientContext context;
    patience(context);
    const auto& request = orders.next();
    auto from = Clock::now();
    auto status = stub->CheckOrder(&context, request, &response);
    course.answered(tally, from, status, response);
  }
  tally.asked = orders.made;
}

// -- many at once -----------------------------------------------------------------------------------------------------

struct Asked {
  grpc::ClientContext context;
  CheckOrderResponse response;
  grpc::Status status;
  Moment from;
  std::unique_ptr<grpc::ClientAsyncResponseReader<CheckOrderResponse>> reader;
};

class Crowd {
 public:
  Crowd(const Options& options, Tally& tally)
      : tally_(tally), orders_(options), course_(options), rate_(options.number("rate", 0)) {
    for (auto& channel : open(options)) stubs_.push_back(StrategyService::NewStub(channel));
  }
  void closed(long inflight) {
    for (long number = 0; number < inflight; number++) ask(Clock::now());
    long open = inflight;
    while (open && take()) {
      if (course_.more(orders_.made))
        ask(Clock::now());
      else
        open--;
    }
    tally_.asked = orders_.made;
  }
  // Asks by the clock: what is due is sent whether or not earlier answers came.
  void paced() {
    for (long number = 0; number < course_.warm(); number++) {
      ask(Clock::now());
      take();
    }
    auto from = Clock::now();
    course_.start(tally_, from);
    auto gap = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate_));
    std::thread reading([this] {
      while (take()) {
      }
    });
    prctl(PR_SET_TIMERSLACK, 1UL);  // a sleep ends when it was asked to, within microseconds
    for (long sent = 0; course_.more(orders_.made); sent++) {
      auto due = from + gap * sent;
      std::this_thread::sleep_until(due);
      ask(due);
    }
    queue_.Shutdown();  // it still gives what is on its way
    reading.join();
    tally_.asked = orders_.made;
  }

 private:
  void ask(Moment from) {
    auto* one = new Asked;
    one->from = from;
    patience(one->context);
    auto& stub = stubs_[orders_.made % stubs_.size()];
    one->reader = stub->AsyncCheckOrder(&one->context, orders_.next(), &queue_);
    one->reader->Finish(&one->response, &one->status, one);
  }
  bool take() {
    void* tag;
    bool ok;
    if (!queue_.Next(&tag, &ok)) return false;
    finish(tag);
    return true;
  }
  void finish(void* tag) {
    std::unique_ptr<Asked> one(static_cast<Asked*>(tag));
    course_.answered(tally_, one->from, one->status, one->response);
  }
  Tally& tally_;
  Orders orders_;
  Course course_;
  double rate_;
  std::vector<std::unique_ptr<StrategyService::Stub>> stubs_;
  grpc::CompletionQueue queue_;
};

// -- one stream -------------------------------------------------------------------------------------------------------

void talk(const Options& options, Tally& tally) {
  auto stub = StrategyService::NewStub(open(options)[0]);
  long window = options.number("inflight", 1);
  grpc::ClientContext context;
  patience(context, 120);
  grpc::CompletionQueue queue;
  char starting, reading, writing, ending;
  auto stream = stub->AsyncCheckOrders(&context, &queue, &starting);
  Orders orders(options);
  Course course(options);
  CheckOrderResponse response;
  std::deque<Moment> asked;
  bool free = true, over = false;
  void* tag;
  bool ok;
  if (!queue.Next(&tag, &ok) || !ok) throw std::runtime_error("the stream did not start");
  stream->Read(&response, &reading);
  while (!over || !asked.empty()) {
    if (!over && !course.more(orders.made)) over = true;
    if (free && !over && static_cast<long>(asked.size()) < window) {
      asked.push_back(Clock::now());
      free = false;
      stream->Write(orders.next(), &writing);
    }
    if (over && asked.empty()) break;
    if (!queue.Next(&tag, &ok) || !ok) throw std::runtime_error("the stream broke off");
    if (tag == &writing) {
      free = true;
    } else {
      course.answered(tally, asked.front(), grpc::Status::OK, response);
      asked.pop_front();
      stream->Read(&response, &reading);
    }
  }
  tally.asked = orders.made;
  context.TryCancel();
  grpc::Status status;
  stream->Finish(&status, &ending);
  while (queue.Next(&tag, &ok) && tag != &ending) {
  }
}

// -- batches ----------------------------------------------------------------------------------------------------------

void ask_batches(const Options& options, Tally& tally);

#ifdef WITH_BATCHES
void ask_batches(const Options& options, Tally& tally) {
  auto stub = StrategyService::NewStub(open(options)[0]);
  Orders orders(options);
  Course course(options);
  long size = options.number("size", 100), batches = 0;
  while (course.more(batches++)) {
    CheckBatchRequest request;
    request.set_mode(BATCH_MODE_EACH);
    for (long number = 0; number < size; number++) *request.add_orders() = orders.next();
    CheckBatchResponse response;
    grpc::ClientContext context;
    patience(context);
    auto from = Clock::now();
    auto status = stub->CheckBatch(&context, request, &response);
    long denied = 0;
    for (const auto& one : response.decisions()) denied += one.outcome() != OUTCOME_APPROVED;
    course.answered(tally, from, status, size, denied);
  }
  tally.asked = orders.made;
}
#else
void ask_batches(const Options&, Tally&) { throw std::runtime_error("this gate's protocol has no batches"); }
#endif

// -- telling ----------------------------------------------------------------------------------------------------------

std::string quoted(const std::string& text) {
  std::string safe = "\"";
  for (char one : text) safe += (one == '"' || one == '\\' || one < ' ') ? ' ' : one;
  return safe + "\"";
}

void tell(const Tally& tally) {
  double seconds = std::chrono::duration<double>(tally.ended - tally.began).count();
  std::ostringstream line;
  line << "{\"asked\": " << tally.asked << ", \"answered\": " << tally.answered << ", \"denied\": " << tally.denied
       << ", \"seconds\": " << seconds << ", \"cpu\": " << processor() - tally.cpu << ", \"problem\": "
       << quoted(tally.problem) << ", \"failed\": {";
  const char* comma = "";
  for (auto [code, number] : tally.failed) line << comma << '"' << code << "\": " << number, comma = ", ";
  line << "}, \"histogram\": [";
  comma = "";
  for (size_t at = 0; at < tally.histogram.counts.size(); at++)
    if (tally.histogram.counts[at]) line << comma << '[' << at << ", " << tally.histogram.counts[at] << ']', comma = ", ";
  std::cout << line.str() << "]}" << std::endl;
}

int main(int argc, char** argv) {
  try {
    Options options(argc, argv);
    Tally tally;
    auto mode = options.text("mode", "unary");
    if (mode == "stream") {
      talk(options, tally);
    } else if (mode == "batch") {
      ask_batches(options, tally);
    } else if (options.number("rate", 0) > 0) {
      Crowd(options, tally).paced();
    } else if (options.number("inflight", 1) > 1) {
      Crowd(options, tally).closed(options.number("inflight", 1));
    } else {
      ask_alone(options, tally);
    }
    tell(tally);
  } catch (const std::exception& error) {
    std::cerr << "load: " << error.what() << std::endl;
    return 1;
  }
}
