//! That the fake device finds the mistakes it is for.

use super::*;
use crate::dtype::DType;
use crate::op::program::Program;

/// Adds 1 to every element of the first input.
fn device(streams: usize, schedule: Schedule) -> FakeDevice {
    let add_one = |_: &Kernel, region: &Region, inputs: &[View]| {
        let values: Vec<f32> = inputs[0].block.values::<f32>()?.iter().map(|v| v + 1.0).collect();
        Ok(vec![Block::from_vec(values, &region.shape)?])
    };
    FakeDevice::new(streams, schedule, Arc::new(add_one))
}

fn launch(device: &FakeDevice, stream: usize, data: &Resident) -> Resident {
    let kernel = Kernel::Elementwise(Program::identity(DType::F32));
    let view = View { block: data.clone(), offset: 0, strides: vec![1] };
    device.launch(Stream(stream), &kernel, &Region::full(&[2]), &[view]).unwrap().remove(0)
}

fn block() -> Block {
    Block::from_vec(vec![1.0f32, 2.0], &[2]).unwrap()
}

fn schedules() -> Vec<Schedule> {
    std::iter::once(Schedule::Lazy).chain((0..20).map(Schedule::Random)).collect()
}

#[test]
fn one_stream_runs_in_order_and_only_when_waited_for() {
    for schedule in schedules() {
        let device = device(1, schedule);
        let data = device.upload(Stream(0), &block()).unwrap();
        let more = launch(&device, 0, &launch(&device, 0, &data));
        let pending = device.download(Stream(0), &more).unwrap();
        if schedule == Schedule::Lazy {
            assert_eq!(device.counters().executed, 0);
        }
        device.wait(device.record(Stream(0))).unwrap();
        assert_eq!((pending.0)().unwrap().values::<f32>().unwrap(), &[3.0, 4.0]);
        let seen = device.counters();
        assert_eq!((seen.launches, seen.uploads, seen.downloads, seen.executed), (2, 1, 1, 4));
        assert_eq!((seen.uploaded_bytes, seen.downloaded_bytes), (8, 8));
    }
}

#[test]
fn a_missing_wait_is_found() {
    for schedule in schedules() {
        let device = device(1, schedule);
        let data = device.upload(Stream(0), &block()).unwrap();
        let early = device.record(Stream(0));
        let pending = device.download(Stream(0), &data).unwrap();
        device.wait(early).unwrap();
        let error = (pending.0)().unwrap_err().to_string();
        assert_eq!(error, "device fake: a block is looked at before its download was waited for");
    }
}

#[test]
fn a_missing_order_between_streams_is_found_and_one_that_is_there_is_enough() {
    for schedule in schedules() {
        for ordered in [false, true] {
            let device = device(2, schedule);
            let data = device.upload(Stream(0), &block()).unwrap();
            if ordered {
                device.order(Stream(1), device.record(Stream(0)));
            }
            let pending = device.download(Stream(1), &launch(&device, 1, &data)).unwrap();
            let waited = device.wait(device.record(Stream(1)));
            if ordered {
                waited.unwrap();
                assert_eq!((pending.0)().unwrap().values::<f32>().unwrap(), &[2.0, 3.0]);
            } else {
                let error = waited.unwrap_err().to_string();
                assert_eq!(error, "device fake: stream 1 uses what stream 0 makes without waiting for it");
            }
        }
    }
}

#[test]
fn orders_are_transitive_and_a_host_wait_orders_every_stream() {
    for schedule in schedules() {
        let device = device(3, schedule);
        let data = device.upload(Stream(0), &block()).unwrap();
        device.order(Stream(1), device.record(Stream(0)));
        let more = launch(&device, 1, &data);
        device.order(Stream(2), device.record(Stream(1)));
        launch(&device, 2, &data);
        launch(&device, 2, &more);
        device.wait(device.record(Stream(2))).unwrap();
        launch(&device, 0, &more);
        device.wait(device.record(Stream(0))).unwrap();
    }
}

#[test]
fn unordered_work_sees_poison_when_nothing_has_run() {
    let device = device(2, Schedule::Lazy);
    let data = device.upload(Stream(0), &block()).unwrap();
    let pending = device.download(Stream(1), &data).unwrap();
    assert!(device.wait(device.record(Stream(1))).is_err());
    assert!((pending.0)().unwrap().values::<f32>().unwrap().iter().all(|v| v.is_nan()));
}

#[test]
fn a_fault_surfaces_at_the_next_wait_and_reaches_what_depends_on_it() {
    for schedule in schedules() {
        let device = device(2, schedule);
        device.fail(0, "an illegal address");
        let data = device.upload(Stream(0), &block()).unwrap();
        let before = device.record(Stream(0));
        let broken = launch(&device, 0, &data);
        device.wait(before).unwrap();
        device.order(Stream(1), device.record(Stream(0)));
        let pending = device.download(Stream(1), &launch(&device, 1, &broken)).unwrap();
        let error = device.wait(device.record(Stream(1))).unwrap_err().to_string();
        assert_eq!(error, "device fake: an illegal address");
        assert!((pending.0)().is_err());
        assert!(device.wait(device.record(Stream(0))).is_err());
        device.wait(device.record(Stream(0))).unwrap();
    }
}

#[test]
fn the_round_trip_of_the_executor_works() {
    let kernel = Kernel::Elementwise(Program::identity(DType::F32));
    for schedule in schedules() {
        let device = device(1, schedule);
        let input = [View::whole(block())];
        let out = super::super::run(&device, Stream(0), &kernel, &Region::full(&[2]), &input).unwrap();
        assert_eq!(out[0].values::<f32>().unwrap(), &[2.0, 3.0]);
    }
}
