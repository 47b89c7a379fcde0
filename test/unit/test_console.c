#include "log_text.h"

#include "logs/console.h"

static void read_text(const char *text)
{
    begin_log();
    assert_true(console_is(span_of(text)));
    ASSERT_OK(console_read(&sheet, span_of(text), &err));
    make_points();
}

/* ------------------------------------------------------------------------------------ dicts -- */

static void dicts_of_the_trainer_are_read(void **state)
{
    (void)state;
    read_text("{'loss': 2.1048, 'grad_norm': 2.13, 'learning_rate': 4.9e-05, 'epoch': 0.5}\n"
              "{'eval_loss': 2.05, 'eval_runtime': 3.2, 'epoch': 0.5}\n"
              "{'loss': nan, 'grad_norm': tensor(nan, device='cuda:0'), 'learning_rate': 0.0}\n"
              "{'loss': np.float64(1.5), 'who': [{'loss': 9}, (1, '}')], 'epoch': 1.0}\n"
              "{'train_runtime': 36.4, 'train_loss': 1.9, 'epoch': 1.0}\n");
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 1, 2.1048, 2.05, 2.13, 4.9e-05);
    ASSERT_POINT(1, 2, NAN, NAN, NAN, 0);
    assert_int_equal(series.points[1].flags, PACE_LOSS_NOT_FINITE | PACE_GRAD_NOT_FINITE);
    ASSERT_POINT(2, 3, 1.5, NAN, NAN, NAN);
    assert_true(series.points[0].epoch == 0.5 && sheet.is_trainer);
    assert_int_equal(sheet.rate_owner, RATE_UNKNOWN);
}

static void dicts_with_strings_for_numbers_are_read(void **state)
{
    (void)state;
    read_text("{'loss': '2.105', 'grad_norm': '2.135', 'learning_rate': '4.9e-05', 'epoch': "
              "'0.5'}\n{'loss': 'nan', 'epoch': '1'}\n");
    ASSERT_POINT(0, 1, 2.105, NAN, 2.135, 4.9e-05);
    assert_int_equal(series.points[1].flags, PACE_LOSS_NOT_FINITE);
    assert_int_equal(sheet.rate_owner, RATE_OF_UPDATE);
}

static void dicts_of_settings_are_passed_over(void **state)
{
    (void)state;
    read_text("{'learning_rate': 0.0002, 'epochs': 3}\n{not a dict} {'loss': 2.5, 'epoch': 1.0}\n");
    assert_int_equal(series.n_points, 1);
    ASSERT_POINT(0, 1, 2.5, NAN, NAN, NAN);
}

static void a_dict_that_is_cut_keeps_its_whole_members(void **state)
{
    (void)state;
    read_text("{'loss': 2.5, 'grad_norm': 1.5, 'learning_rate': 4.9");
    ASSERT_POINT(0, 1, 2.5, NAN, 1.5, NAN);
}

static void bars_between_dicts_give_the_steps(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "Map: 100%|###| 900/900 [00:01<00:00, 800.00 examples/s]\n");
    for (int step = 1; step <= 40; step++) {
        buf_printf(&text, "\r %d%%|#   | %d/60 [00:%02d<01:30,  2.71s/it]", step * 100 / 60, step,
                   step);
        if (step % 10 == 0)
            buf_printf(&text, "\r      \r{'loss': %g, 'epoch': %g}\n", 3.0 - step / 20.0,
                       step / 60.0);
        if (step % 20 == 0)
            buf_add_text(&text, "\r  0%| | 0/7 [00:00<?, ?it/s]\r 43%|# | 3/7 [00:01<00:01, 3it/s]"
                                "\r100%|#| 7/7 [00:02<00:00, 3.0it/s]\n{'eval_loss': 2.5}\n");
    }
    read_text(buf_string(&text));
    assert_int_equal(series.n_points, 4);
    ASSERT_POINT(0, 10, 2.5, NAN, NAN, NAN);
    ASSERT_POINT(3, 40, 1, 2.5, NAN, NAN);
    assert_int_equal(series.total_steps, 60);
    assert_true(has_note("one every 10"));
    buf_release(&text);
}

/* ------------------------------------------------------------------------------------ lines -- */

static void lines_of_nanogpt_are_read(void **state)
{
    (void)state;
    read_text("max_iters = 600\nlearning_rate = 6e-4 # max learning rate\n"
              "step 0: train loss 4.4501, val loss 4.4402\n"
              "iter 0: loss 4.4512, time 23218.37ms, mfu -100.00%\n"
              "iter 10: loss nan, time 193.77ms, mfu 107.00%\n"
              "step 20: train loss 3.1, val loss 3.2\nsaving checkpoint to out\n"
              "iter 20: loss 3.0, time 193.77ms, mfu 107.00%\n");
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 0, 4.4512, 4.4402, NAN, NAN);
    ASSERT_POINT(2, 20, 3.0, 3.2, NAN, NAN);
    assert_int_equal(series.points[1].flags, PACE_LOSS_NOT_FINITE);
    assert_int_equal(series.total_steps, 600);
    assert_false(sheet.is_trainer);
}

static void lines_of_llm_c_are_read(void **state)
{
    (void)state;
    read_text(
        "step    1/40 | loss 10.9 (+nanz)| norm 15.4 (+nanz)| lr 1.50e-06 | 3045.3 ms | 45.2% "
        "bf16 MFU | 172164 tok/s\nval loss 10.5\n"
        "step    2/40 | loss 10.2 (-1.10z)| norm 14.1 (+0.20z)| lr 3.00e-06 | 3045 ms\n");
    ASSERT_POINT(0, 1, 10.9, 10.5, 15.4, 1.5e-06);
    ASSERT_POINT(1, 2, 10.2, NAN, 14.1, 3e-06);
    assert_int_equal(series.total_steps, 40);
    read_text("s:0 tel:11.0123\ns:1 trl:10.9 lr:0.000300 norm:15.40\ns:250 tel:6.5\n");
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 0, NAN, 11.0123, NAN, NAN);
    ASSERT_POINT(1, 1, 10.9, NAN, 15.4, 0.0003);
}

static void lines_of_mlx_are_read(void **state)
{
    (void)state;
    read_text("Starting training..., iters: 100\n"
              "Iter 1: Val loss 2.900, Val took 3.200s\n"
              "Iter 10: Train loss 2.300, Learning Rate 1.000e-05, It/sec 0.51, Tokens/sec 412.1, "
              "Trained Tokens 8200, Peak mem 9.10 GB\n");
    ASSERT_POINT(0, 1, NAN, 2.9, NAN, NAN);
    ASSERT_POINT(1, 10, 2.3, NAN, NAN, 1e-05);
    read_text("  iter   train_loss     tok/s     tokens\n"
              "     1    val 2.900    3.20s\n"
              "    10    2.300 \xe2\x96\xbc      412      8.2k\n"
              "    20    2.100 \xe2\x96\xbc    1,412     16.4k\n  save  0000020_adapters\n");
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 1, NAN, 2.9, NAN, NAN);
    ASSERT_POINT(2, 20, 2.1, NAN, NAN, NAN);
}

static void lines_of_torchtune_are_read(void **state)
{
    (void)state;
    read_text("Step 1 | loss:1.5921 lr:2e-06 tokens_per_second_per_gpu:812.5 grad_norm:4.5 \n"
              "Step 2 | loss:1.5 lr:4e-06 tokens_per_second_per_gpu:815.25 grad_norm:inf \n");
    ASSERT_POINT(0, 1, 1.5921, NAN, 4.5, 2e-06);
    assert_int_equal(series.points[1].flags, PACE_GRAD_NOT_FINITE);
}

static void lines_of_xtuner_are_read(void **state)
{
    (void)state;
    read_text(
        "11/21 10:12:33 - mmengine - INFO - Epoch(train) [1][100/150]  lr: 1.9870e-04  eta: "
        "0:05:13  time: 1.20  data_time: 0.01  memory: 9876  loss: 2.7522  grad_norm: 3.0608\n"
        "11/21 10:14:33 - mmengine - INFO - Epoch(train) [2][ 50/150]  lr: 1.0e-04  eta: "
        "0:02:13  time: 1.20  loss: 2.5\n");
    ASSERT_POINT(0, 100, 2.7522, NAN, 3.0608, 1.987e-04);
    ASSERT_POINT(1, 200, 2.5, NAN, NAN, 1e-04);
    read_text(
        "2025/01/01 10:12:33 - mmengine - INFO - Iter(train) [  10/1000]  lr: 1e-06  loss: 2.7\n"
        "2025/01/01 10:12:39 - mmengine - INFO - Iter(train) [  20/1000]  lr: 2e-06  loss: 2.6\n");
    ASSERT_POINT(1, 20, 2.6, NAN, NAN, 2e-06);
    assert_int_equal(series.total_steps, 1000);
}

static void lines_of_a_loop_of_ones_own_are_read(void **state)
{
    (void)state;
    read_text("Learning rate: 0.001\nINFO:root:Epoch [1/2], Step [100/600], Loss: 2.1\n"
              "Epoch [2/2], Step [100/600], Loss: 1.9\n");
    ASSERT_POINT(0, 100, 2.1, NAN, NAN, NAN);
    ASSERT_POINT(1, 700, 1.9, NAN, NAN, NAN);
    assert_int_equal(series.total_steps, 1200);
    read_text("2024-01-05 10:00:00 INFO step=5 train_loss=2.5 kl_loss=7 lr=1e-4 gnorm=0.5\n"
              "2024-01-05 10:00:01 INFO step=10 train_loss=2.25 lr=2e-4 gnorm=0.5 v2=3\n");
    ASSERT_POINT(0, 5, 2.5, NAN, 0.5, 1e-4);
    ASSERT_POINT(1, 10, 2.25, NAN, 0.5, 2e-4);
    read_text("Epoch 1\n  loss: 2.5\n  val_loss: 2.6\nEpoch 2\n  loss: 2.0\n  val_loss: 2.3\n");
    ASSERT_POINT(1, 2, 2.0, 2.3, NAN, NAN);
    read_text("step loss lr\n5 2.5 1e-4\n10 2.25 2e-4\n");
    ASSERT_POINT(1, 10, 2.25, NAN, NAN, 2e-4);
}

static void a_summary_at_the_end_is_passed_over(void **state)
{
    (void)state;
    read_text("{'loss': 2.5, 'epoch': 1.0}\n{'loss': 2.4, 'epoch': 2.0}\n"
              "***** eval metrics *****\n  epoch     =  2.0\n  eval_loss =  2.25\n"
              "  perplexity = 9.5\nstep 3: loss 2.3\n");
    assert_int_equal(series.n_points, 3);
    assert_true(isnan(series.points[1].eval_loss));
    assert_true(series.points[2].loss == 2.3);
}

/* ------------------------------------------------------------------------------------- bars -- */

static void bars_of_llama_cpp_are_taken_apart(void **state)
{
    (void)state;
    read_text("ggml_opt_fit: epoch 0001/0002:\n"
              "train: [>    | data=000004/000012, loss=4.000000+-0.0, accuracy=1.0+-0.1%, t=0\r"
              "train: [==>  | data=000008/000012, loss=3.500000+-0.5, accuracy=1.0+-0.1%, t=0\r"
              "train: [=====| data=000012/000012, loss=3.000000+-0.6, accuracy=1.0+-0.1%, t=0\r\n"
              "val:   [==>  | data=000004/000008, loss=9.000000+-0.0, accuracy=1.0+-0.1%, t=0\r"
              "val:   [=====| data=000008/000008, loss=2.500000+-0.0, accuracy=1.0+-0.1%, t=0\r\n"
              "train: [>    | data=000004/000012, loss=1.750000+-0.0, accuracy=1.0+-0.1%, t=0\r");
    assert_int_equal(series.n_points, 4);
    ASSERT_POINT(0, 1, 4, NAN, NAN, NAN);
    ASSERT_POINT(1, 2, 3, NAN, NAN, NAN);
    ASSERT_POINT(2, 3, 2, 2.5, NAN, NAN);
    ASSERT_POINT(3, 4, 1.75, NAN, NAN, NAN);
}

static void a_bar_with_a_loss_is_read_where_nothing_else_has_one(void **state)
{
    (void)state;
    read_text("Epoch 0:   1%|  | 1/100 [00:10<01:30, 1.0it/s, loss=2.5, v_num=0]\r"
              "Epoch 0:   2%|  | 2/100 [00:10<01:30, 1.0it/s, loss=2.25, v_num=0]\r");
    assert_int_equal(series.n_points, 2);
    ASSERT_POINT(1, 2, 2.25, NAN, NAN, NAN);
    assert_int_equal(series.total_steps, 100);
}

static void colours_and_marks_are_taken_out(void **state)
{
    (void)state;
    read_text("\xef\xbb\xbf\x1b[1;32mstep\x1b[0m 5: loss \x1b[31m2.5\x1b[0m\r\n\x1b[2K\x1b\n");
    ASSERT_POINT(0, 5, 2.5, NAN, NAN, NAN);
}

static void text_without_a_loss_has_no_points(void **state)
{
    (void)state;
    read_text("loss = CrossEntropyLoss()\nv2.5 loss_fn(3)\nthe loss is 7x higher\n"
              "policy loss 0.5\nlearning rate: 1e-4\n");
    assert_int_equal(series.n_points, 0);
    assert_false(console_is(span_of("")));
    assert_false(console_is(span_of("\xff\xfe")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dicts_of_the_trainer_are_read),
        cmocka_unit_test(dicts_with_strings_for_numbers_are_read),
        cmocka_unit_test(dicts_of_settings_are_passed_over),
        cmocka_unit_test(a_dict_that_is_cut_keeps_its_whole_members),
        cmocka_unit_test(bars_between_dicts_give_the_steps),
        cmocka_unit_test(lines_of_nanogpt_are_read),
        cmocka_unit_test(lines_of_llm_c_are_read),
        cmocka_unit_test(lines_of_mlx_are_read),
        cmocka_unit_test(lines_of_torchtune_are_read),
        cmocka_unit_test(lines_of_xtuner_are_read),
        cmocka_unit_test(lines_of_a_loop_of_ones_own_are_read),
        cmocka_unit_test(a_summary_at_the_end_is_passed_over),
        cmocka_unit_test(bars_of_llama_cpp_are_taken_apart),
        cmocka_unit_test(a_bar_with_a_loss_is_read_where_nothing_else_has_one),
        cmocka_unit_test(colours_and_marks_are_taken_out),
        cmocka_unit_test(text_without_a_loss_has_no_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
