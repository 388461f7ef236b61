// A bare C++ echo of CheckOrder and CheckOrders: one completion queue, one thread. usage: echo ADDRESS
//
// The reference for what gRPC itself costs. It decides nothing; its answer is as large as an approval of the gate. Ends
// when its standard input does, so that it never outlives whoever started it.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "answer.h"
#include "risksvc/v1/strategy.grpc.pb.h"

using grpc::ServerAsyncReaderWriter;
using grpc::ServerAsyncResponseWriter;
using grpc::ServerCompletionQueue;
using grpc::ServerContext;
using grpc::Status;
using risksvc::v1::CheckOrderRequest;
using risksvc::v1::CheckOrderResponse;
using Service = risksvc::v1::StrategyService::AsyncService;

// One call: `proceed` is told of each event of it, and deletes it at its end.
struct Call {
  virtual ~Call() = default;
  virtual void proceed(bool ok) = 0;
};

struct Unary final : Call {
  Unary(Service* service, ServerCompletionQueue* queue) : service(service), queue(queue), writer(&context) {
    service->RequestCheckOrder(&context, &request, &writer, queue, queue, this);
  }
  void proceed(bool ok) override {
    if (!ok || finishing) {
      delete this;
      return;
    }
    new Unary(service, queue);
    static CheckOrderResponse response = answer();
    response.set_client_order_id(request.client_order_id());
    finishing = true;
    writer.Finish(response, Status::OK, this);
  }
  Service* service;
  ServerCompletionQueue* queue;
  ServerContext context;
  CheckOrderRequest request;
  ServerAsyncResponseWriter<CheckOrderResponse> writer;
  bool finishing = false;
};

struct Session final : Call {
  enum class At { kWaiting, kReading, kWriting, kFinishing };
  Session(Service* service, ServerCompletionQueue* queue) : service(service), queue(queue), stream(&context) {
    service->RequestCheckOrders(&context, &stream, queue, queue, this);
  }
  void proceed(bool ok) override {
    static CheckOrderResponse response = answer();
    switch (at) {
      case At::kWaiting:
        if (!ok) {
          delete this;
          return;
        }
        new Session(service, queue);
        read();
        return;
      case At::kReading:
        if (!ok) {
          at = At::kFinishing;
          stream.Finish(Status::OK, this);
          return;
        }
        response.set_client_order_id(request.client_order_id());
        at = At::kWriting;
        stream.Write(response, this);
        return;
      case At::kWriting:
        read();
        return;
      case At::kFinishing:
        delete this;
    }
  }
  void read() {
    at = At::kReading;
    stream.Read(&request, this);
  }
  Service* service;
  ServerCompletionQueue* queue;
  ServerContext context;
  CheckOrderRequest request;
  ServerAsyncReaderWriter<CheckOrderResponse, CheckOrderRequest> stream;
  At at = At::kWaiting;
};

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: echo ADDRESS\n";
    return 2;
  }
  Service service;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument("grpc.so_reuseport", 0);
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  auto queue = builder.AddCompletionQueue();
  auto server = builder.BuildAndStart();
  if (!server) return 1;
  std::thread ending([] {
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    _exit(0);
  });
  new Unary(&service, queue.get());
  new Session(&service, queue.get());
  std::cout << "ready" << std::endl;
  void* tag;
  bool ok;
  while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->proceed(ok);
  ending.join();
}
