import asyncio


async def main() -> None:
    async with connection as realtime:
        content = [{"type": "input_text", "text": "set a timer for five minutes"}]
        await realtime.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await realtime.response.create()
        async for event in realtime:
            if event.type == "response.output_text.done":
                print(event.text)
                return


asyncio.run(main())
