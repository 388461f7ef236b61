// A bare Go echo of CheckOrder and CheckOrders. usage: echo-go ADDRESS
//
// A reference: it decides nothing; its answer is as large as an approval of the gate. Ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"

	pb "risksvc/v1"
)

type echo struct {
	pb.UnimplementedStrategyServiceServer
}

func use() *pb.ExposureUse {
	return &pb.ExposureUse{Before: "1250.05", After: "1300.05", Limit: "1000000000000", Headroom: "999999998699.95"}
}

var instrument, total, hash = use(), use(), strings.Repeat("a", 64)

func answer(request *pb.CheckOrderRequest) *pb.CheckOrderResponse {
	return &pb.CheckOrderResponse{
		Outcome:            pb.Outcome_OUTCOME_APPROVED,
		ClientOrderId:      request.ClientOrderId,
		InstrumentExposure: instrument,
		TotalExposure:      total,
		TradingState:       pb.TradingState_TRADING_STATE_ACTIVE,
		ValidUntilNs:       1800000000100000000,
		ValidForNs:         100000000,
		LimitsHash:         hash,
		DecidedAtNs:        1800000000000000000,
	}
}

func (*echo) CheckOrder(_ context.Context, request *pb.CheckOrderRequest) (*pb.CheckOrderResponse, error) {
	return answer(request), nil
}

func (*echo) CheckOrders(stream pb.StrategyService_CheckOrdersServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(answer(request)); err != nil {
			return err
		}
	}
}

func main() {
	network, address := "tcp", os.Args[1]
	if strings.HasPrefix(address, "unix:") {
		network, address = "unix", strings.TrimPrefix(address, "unix:")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	pb.RegisterStrategyServiceServer(server, &echo{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
