import threading

from ragedge.generate.turns import Turns


def always():
    return True


def test_the_holder_keeps_its_turn_and_is_told_when_it_is_new():
    turns = Turns()
    assert turns.take("a", always)
    assert not turns.take("a", always)
    turns.give_back("a")
    assert turns.take("a", always), "another may have had it in between"


def test_one_thread_may_begin_a_second_and_the_first_goes_on_later():
    turns = Turns()
    assert turns.take("a", always)
    assert turns.take("b", always)
    turns.give_back("a")  # a does not have it: nothing happens
    assert not turns.take("b", always)
    assert turns.take("a", always)


def test_other_threads_wait_until_it_is_given_back():
    turns = Turns()
    turns.take("a", always)
    order = []
    waiting = threading.Event()

    def other():
        def wanted():
            waiting.set()
            return True

        turns.take("b", wanted)
        order.append("b")
        turns.give_back("b")

    thread = threading.Thread(target=other)
    thread.start()
    assert waiting.wait(10)
    order.append("a")
    turns.give_back("a")
    thread.join(10)
    assert order == ["a", "b"]


def test_waiting_is_given_up_when_it_is_no_longer_wanted():
    turns = Turns()
    turns.take("a", always)
    wanted, waiting = [True], threading.Event()

    def still():
        waiting.set()
        return wanted[0]

    thread = threading.Thread(target=turns.take, args=("b", still))
    thread.start()
    assert waiting.wait(10)
    wanted[0] = False
    turns.wake()
    thread.join(10)
    assert not thread.is_alive()
    assert not turns.take("a", always), "a still has it"
